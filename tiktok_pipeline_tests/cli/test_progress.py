"""The progress of a refresh, computed by hand from the weights of its steps; the bar on a terminal."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tiktok_pipeline.cli.progress import Estimate
from tiktok_pipeline_tests.homes import QUICK_STUDIES
from tiktok_pipeline_tests.scrapes import creators, write_csv

STEPS = ["raw", "validated", "features_statistics", "published"]
MILLION = 1_000_000
# raw 0.05, validated 0.6 + 3.0, features_statistics 3.0 + 0.75, published 0.3 + 0.9
TOTAL = 0.05 + 3.6 + 3.75 + 1.2


def test_the_share_goes_from_0_to_1() -> None:
    estimate = Estimate(STEPS, MILLION, started=100.0)
    assert estimate.share(100.0) == 0.0
    assert estimate.seconds_left(100.0) is None
    for step in STEPS:
        estimate.start(step, 100.0)
    estimate.start("", 120.0)
    assert estimate.share(120.0) == pytest.approx(1.0)
    assert estimate.seconds_left(120.0) == pytest.approx(0.0)


def test_the_share_counts_each_step_by_its_weight() -> None:
    estimate = Estimate(STEPS, MILLION, started=0.0)
    estimate.start("raw", 0.0)
    estimate.start("validated", 0.05)
    estimate.start("features_statistics", 10.0)
    assert estimate.share(10.0) == pytest.approx((0.05 + 3.6) / TOTAL)
    # 10 s for 3.65 of 8.6: the rest takes 10 x 4.95 / 3.65
    assert estimate.seconds_left(10.0) == pytest.approx(10 * 4.95 / 3.65)


def test_a_running_step_progresses_at_the_pace_so_far_and_never_completes() -> None:
    estimate = Estimate(STEPS, MILLION, started=0.0)
    estimate.start("validated", 0.0)
    estimate.start("features_statistics", 7.2)  # twice the weight: half the pace
    assert estimate.share(8.2) == pytest.approx((3.6 + 0.5) / TOTAL)
    assert estimate.share(1_000.0) == pytest.approx((3.6 + 0.95 * 3.75) / TOTAL)


def test_the_status_line_is_for_large_runs_only() -> None:
    estimate = Estimate(STEPS, MILLION, started=0.0)
    estimate.start("validated", 0.0)
    estimate.start("features_statistics", 46.0)
    assert estimate.status_line(46.0) == "1,000,000 rows, 9,100 per second, about 64 s left"
    small = Estimate(STEPS, 1_000, started=0.0)
    assert small.status_line(46.0) == ""


def test_an_unknown_step_has_no_weight() -> None:
    estimate = Estimate(["a", "b"], MILLION, started=0.0)
    estimate.start("c", 0.0)
    estimate.start("a", 1.0)
    estimate.start("b", 2.0)
    assert estimate.share(2.0) == pytest.approx(0.5)
    assert Estimate([], 0, started=0.0).share(1.0) == 1.0


@pytest.mark.slow
def test_on_a_terminal_the_bar_moves_while_the_steps_run(tmp_path: Path) -> None:
    """Dagster keeps what its steps write to stderr; the bar must not be among it."""
    scrape = write_csv(tmp_path / "a.csv", creators(60))
    ours, theirs = pty.openpty()
    start = f"{QUICK_STUDIES}\nfrom tiktok_pipeline.cli.app import process\nprocess()"
    command = [sys.executable, "-c", start, "refresh", str(scrape), "--study", "influencer_segments"]
    settings = {"TIKTOK_PIPELINE_HOME": str(tmp_path / "home"), "TIKTOK_PIPELINE_PICTURES": "no", "COLUMNS": "120"}
    process = subprocess.Popen(
        command, env={**os.environ, "TERM": "xterm", **settings}, stdout=subprocess.DEVNULL, stderr=theirs
    )
    os.close(theirs)
    seen = b""
    try:
        while part := os.read(ours, 65_536):
            seen += part
    except OSError:  # Linux' way to say that the other side is gone
        pass
    finally:
        os.close(ours)
    assert process.wait() == 0
    text = seen.decode("utf-8", "replace")
    assert ": validated" in text
    assert ": influencer_segments_model" in text
    assert "100%" in text
