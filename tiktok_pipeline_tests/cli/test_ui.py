"""Dagster's UI in Chromium: the graph is shown, and a snapshot is materialized and published by clicking."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from dagster import DagsterInstance
from playwright.sync_api import Page

from tiktok_pipeline.orchestration.assets import study as study_assets
from tiktok_pipeline_tests.chromium import launched_chromium
from tiktok_pipeline_tests.homes import Home, command, environment, kill_refresh
from tiktok_pipeline_tests.scrapes import creators, write_csv

SNAPSHOT = "2024-03-01"
MINUTE = 60_000


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home with a refreshed snapshot and a killed run, which must not block the next runs."""
    made = Home(tmp_path / "home", studies=None)
    scrape = write_csv(tmp_path / "scrape.csv", creators(60))
    done = command(made.path, "refresh", scrape)
    assert done.returncode == 0, done.stderr
    kill_refresh(made.path, scrape, while_in=(study_assets, "fit_study"))
    return made


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def server(home: Path, log: Path, *, folder: Path | None = None) -> Iterator[str]:
    """Run ``tiktok-pipeline ui`` in a process group of its own and check that no process is left afterwards."""
    port = free_port()
    with log.open("w", encoding="utf-8") as target:
        process = subprocess.Popen(
            [str(Path(sys.executable).with_name("tiktok-pipeline")), "ui", "--port", str(port)],
            env=environment(home),
            cwd=folder,
            stdout=target,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        wait_until_up(f"http://127.0.0.1:{port}/server_info", process, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)
        psutil.wait_procs(family, timeout=20)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=20)
        _, alive = psutil.wait_procs(family, timeout=20)
    assert [child for child in alive if child.is_running() and child.status() != psutil.STATUS_ZOMBIE] == []


def wait_until_up(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 120
    while True:
        assert process.poll() is None, log.read_text(encoding="utf-8")
        assert time.monotonic() < deadline, log.read_text(encoding="utf-8")
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5):
            return
        time.sleep(0.3)


@contextlib.contextmanager
def chromium() -> Iterator[Page]:
    with launched_chromium() as browser:
        page = browser.new_page(viewport={"width": 1600, "height": 1000})
        page.set_default_timeout(MINUTE)
        yield page


def open_graph(page: Page, url: str) -> None:
    """Open the global lineage with all groups unfolded; no dialog may cover it."""
    page.goto(f"{url}/asset-groups")
    page.get_by_role("button", name="Materialize all").wait_for()
    for group in ("raw", "validated", "features", "influencer_segments", "published"):
        page.get_by_text(group, exact=True).first.wait_for()
    page.wait_for_timeout(3_000)  # time for a pop-up to come
    assert page.get_by_role("dialog").count() == 0
    page.keyboard.press("Alt+E")
    page.get_by_text(
        re.compile(r"(incoming|creator_activity|k_scores|assignments|statistics|profiles|summaries)$")
    ).first.wait_for()  # those in view


def materialize(page: Page, snapshot: str, pictures: Path) -> None:
    """Click: materialize all -> choose the snapshot -> launch."""
    page.get_by_role("button", name="Materialize all").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("Select a partition or create one").click()
    page.get_by_role("menuitem").filter(has_text=snapshot).click()
    page.keyboard.press("Escape")
    dialog.get_by_text("1 partition", exact=True).wait_for()
    page.screenshot(path=pictures / "2_chosen.png")
    dialog.get_by_role("button", name="Launch 1 run").click()
    page.get_by_text("Launched run").wait_for()
    page.screenshot(path=pictures / "3_launched.png")


def wait_until_done(home: Home) -> str:
    """Wait for the newest run and return its status."""
    deadline = time.monotonic() + 180
    with DagsterInstance.from_config(str(home.settings.dagster_home)) as instance:
        while True:
            (run,) = instance.get_runs(limit=1)
            if run.is_finished:
                return run.status.value
            assert time.monotonic() < deadline, f"the run is {run.status.value}"
            time.sleep(1)


@pytest.mark.browser
def test_a_snapshot_is_materialized_and_published_by_clicking(home: Home, tmp_path: Path) -> None:
    before = home.tables(published=True)
    published_at = "select published_at from meta.published_at"
    earlier = home.value(published_at, published=True)
    inode = home.settings.published_file.stat().st_ino
    log = tmp_path / "ui.log"
    with server(home.path, log) as url, chromium() as page:
        open_graph(page, url)
        page.screenshot(path=tmp_path / "1_graph.png")
        materialize(page, SNAPSHOT, tmp_path)
        second = command(home.path, "ui", "--port", str(free_port()))
        assert (second.returncode, second.stdout) == (1, "")
        assert "is already running the UI for" in second.stderr, "there is one daemon for each home"
        assert wait_until_done(home) == "SUCCESS", log.read_text(encoding="utf-8")
        page.goto(f"{url}/runs")
        page.get_by_text("Success", exact=True).nth(1).wait_for()
        page.get_by_text("Failure", exact=True).first.wait_for()
        page.screenshot(path=tmp_path / "4_runs.png")
        page.goto(f"{url}/assets/personas/influencer_segments/influencer_segments_summaries")
        page.get_by_text("each segment of a study", exact=False).first.wait_for()
        page.wait_for_timeout(2_000)
        page.screenshot(path=tmp_path / "5_asset.png")
    assert home.value(published_at, published=True) > earlier
    assert home.settings.published_file.stat().st_ino != inode
    assert home.tables(published=True) == before
    assert f"Dagster's UI: {url} (Ctrl-C stops it)" in log.read_text(encoding="utf-8").splitlines()[0]
    assert "Warning" not in log.read_text(encoding="utf-8")
