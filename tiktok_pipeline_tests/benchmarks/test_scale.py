"""The benchmarks `scale` and `compare`: their figures by hand, and one small run of each for real."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.performance.compare import Pairs, compare, table
from benchmarks.performance.scale import Scaled, as_json, growth_exponent, scale
from benchmarks.performance.scale import table as scale_table
from benchmarks.process import CommandFailedError, Measured


def scaled(rows: int, seconds: float) -> Scaled:
    return Scaled(
        rows=rows,
        studies=("s",),
        measured=Measured(seconds, 100.0, 20.0, 30.0),
        seconds_by_step={"raw": 1.0},
        snapshot_megabytes=1.0,
        warehouse_megabytes=2.0,
        published_megabytes=3.0,
    )


def test_ten_times_the_rows_in_ten_times_the_time_is_an_exponent_of_one() -> None:
    assert growth_exponent([scaled(1_000, 2.0), scaled(10_000, 20.0), scaled(100_000, 200.0)]) == pytest.approx(1.0)
    assert growth_exponent([scaled(1_000, 1.0), scaled(10_000, 100.0)]) == pytest.approx(2.0)


@pytest.mark.parametrize("sizes", [[], [1_000], [1_000, 1_000]])
def test_one_size_has_no_exponent(sizes: list[int]) -> None:
    assert growth_exponent([scaled(size, 1.0) for size in sizes]) is None


def test_what_is_told_and_kept_of_a_run() -> None:
    names, (row,) = scale_table([scaled(1_000, 4.0)])
    assert dict(zip(names, row, strict=True))["rows per second"] == "250"
    (kept,) = as_json([scaled(1_000, 4.0)])["runs"]
    assert (kept["rows"], kept["rows_per_second"], kept["measured"]["peak_megabytes"]) == (1_000, 250.0, 100.0)


def test_pairs_are_told_by_their_medians_ours_over_theirs() -> None:
    ours = tuple(Measured(seconds, 50.0, cpu_seconds=2 * seconds) for seconds in (9.0, 1.0, 2.0))
    theirs = tuple(Measured(seconds, 100.0, cpu_seconds=seconds) for seconds in (8.0, 4.0, 1.0))
    _, (row,) = table([Pairs("polars", 1_000, ours, theirs)])
    assert row == ("polars", "1,000", "text", 3, 2.0, 4.0, 0.5, 4.0, 4.0, "50", "100", 0.5)


def test_a_rival_that_cannot_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> Measured:
        msg = "python ended with -9"
        raise CommandFailedError(msg)

    monkeypatch.setattr("benchmarks.performance.compare.measure", fail)
    found = compare("pandas", 50, pairs=2, folder=tmp_path, log=lambda _: None)
    assert (found.ours, found.theirs, found.why_not) == ((), (), "python ended with -9")
    _, (row,) = table([found])
    assert row[:6] == ("pandas", "50", "text", 0, None, "python ended with -9")


@pytest.mark.slow
@pytest.mark.parametrize("rival", ["pandas", "polars"])
@pytest.mark.parametrize("is_typed", [False, True])
def test_a_rival_does_the_study_on_a_small_snapshot(tmp_path: Path, rival: str, is_typed: bool) -> None:
    found = compare(rival, 1_500, pairs=1, folder=tmp_path, log=lambda _: None, is_typed=is_typed)
    assert (len(found.ours), len(found.theirs), found.why_not) == (1, 1, "")


@pytest.mark.slow
def test_a_small_snapshot_is_measured_step_by_step(tmp_path: Path) -> None:
    found = scale(
        1_500,
        ["influencer_segments"],
        folder=tmp_path,
        settings={"TIKTOK_PIPELINE_PICTURES": "no"},
        log=lambda _: None,
    )
    assert found.rows > 1_500
    assert {"raw", "validated", "published", "report"} <= set(found.seconds_by_step)
    assert 0 < sum(found.seconds_by_step.values()) < found.measured.wall_seconds
    assert found.measured.peak_megabytes > 100
    assert found.measured.disk_megabytes > 0
    assert not (tmp_path / "home").exists()
