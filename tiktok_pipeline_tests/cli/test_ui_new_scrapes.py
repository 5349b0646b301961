"""The daemon: files dropped into incoming/ become snapshots and tables while the UI runs."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from dagster import DagsterInstance

from tiktok_pipeline.home.manifest import read_manifest, snapshots_on_disk
from tiktok_pipeline.orchestration.partitions import known_snapshots
from tiktok_pipeline_tests.cli.test_ui import chromium, server
from tiktok_pipeline_tests.homes import Home
from tiktok_pipeline_tests.scrapes import creators, write_csv

SNAPSHOTS = ["2024-03-01", "2024-04-01", "2024-05-01", "2024-06-01"]


def copy_slowly(content: bytes, target: Path, *, pieces: int = 8, pause_seconds: float = 0.6) -> None:
    """Write a file in pieces, as a slow network does."""
    with target.open("wb") as out:
        for place in range(pieces):
            out.write(content[len(content) * place // pieces : len(content) * (place + 1) // pieces])
            out.flush()
            time.sleep(pause_seconds)


def of_the_research_api(count: int) -> bytes:
    """Return a scrape in the dialect of the research API, one JSON object per line."""
    lines = [
        json.dumps(
            {
                "username": row["account_id"],
                "display_name": row["nickname"],
                "bio_description": row["biography"],
                "is_verified": row["is_verified"] == "true",
                "follower_count": int(row["followers"]),
                "following_count": int(row["following"]),
                "likes_count": int(row["likes"]),
                "video_count": int(row["videos_count"]),
            }
        )
        for row in creators(count, seed=4)
    ]
    return "\n".join(lines).encode()


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 480) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"timed out while waiting for {what}"
        time.sleep(1)


def drop_deliveries(home: Home, folder: Path) -> None:
    """Copy files slowly: one twice, one truncated and later complete, one of another dialect, one never finished."""
    incoming = home.settings.incoming
    first = write_csv(folder / "profiles_2024-03-01.csv", creators(60)).read_bytes()
    second = write_csv(folder / "b.csv", creators(60, seed=2, day="2024-04-01")).read_bytes()
    packed = gzip.compress(write_csv(folder / "c.csv", creators(60, seed=3, day="2024-05-01")).read_bytes())
    copy_slowly(first, incoming / "profiles_2024-03-01.csv")
    (incoming / "never.csv.part").write_bytes(first)
    copy_slowly(packed[: len(packed) // 2], incoming / "profiles_2024-05-01.csv.gz", pieces=3)  # truncated
    wait_for((home.settings.refused / "profiles_2024-05-01.csv.gz").exists, "the refusal")
    copy_slowly(second, incoming / "profiles_2024-04-01.csv")
    copy_slowly(first, incoming / "the_same_again.csv")  # a second time, under another name
    copy_slowly(packed, incoming / "profiles_2024-05-01.csv.gz")  # whole now
    copy_slowly(of_the_research_api(60), incoming / "users_2024-06-01.ndjson")  # another dialect


def open_page(page: Any, address: str, text: str, screenshot: Path) -> None:
    """Open a page of the UI, wait for a text on it, and keep a screenshot."""
    page.goto(address)
    page.get_by_text(text, exact=True).first.wait_for()
    page.wait_for_timeout(2_000)
    page.screenshot(path=screenshot)


@pytest.mark.browser
def test_files_dropped_into_incoming_become_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIKTOK_PIPELINE_SETTLE_SECONDS", "3")
    home = Home(tmp_path / "home", studies=None)
    incoming = home.settings.incoming
    incoming.mkdir(parents=True)

    def tables_are_there(snapshots: list[str]) -> bool:
        if not home.settings.published_file.exists():
            return False
        rows = home.sql("select distinct snapshot from segments.balanced_segments_history order by 1", published=True)
        return [snapshot for (snapshot,) in rows] == snapshots

    with server(home.path, tmp_path / "ui.log") as url, chromium() as page:
        drop_deliveries(home, tmp_path)
        wait_for(lambda: tables_are_there(SNAPSHOTS), "four snapshots in the published tables")
        instance = DagsterInstance.from_config(str(home.settings.dagster_home))
        wait_for(lambda: all(run.is_finished for run in instance.get_runs()), "the end of all runs")
        open_page(page, f"{url}/assets/incoming?view=checks", "readable", tmp_path / "1_check.png")
        open_page(page, f"{url}/runs", "refresh", tmp_path / "2_runs.png")
        open_page(page, f"{url}/automation", "new_scrapes", tmp_path / "3_automation.png")
        partitions = f"{url}/assets/validated/profiles?view=partitions"
        open_page(page, partitions, SNAPSHOTS[-1], tmp_path / "4_partitions.png")
        bad = [row | {"followers": "-1"} for row in creators(60, seed=5, day="2024-07-01")]
        write_csv(incoming / "bad_2024-07-01.csv", bad)
        wait_for(home.settings.failures_file.exists, "the line of the run that failed")
        (failed,) = [run for run in instance.get_runs() if run.status.value == "FAILURE"]
        open_page(page, f"{url}/runs/{failed.run_id}", "Failure", tmp_path / "5_failed.png")
        with instance:
            assert known_snapshots(instance) == [*SNAPSHOTS, "2024-07-01"]
            runs = [run for run in instance.get_runs() if run.job_name == "refresh" and run != failed]
    (line,) = home.settings.failures_file.read_text(encoding="utf-8").splitlines()
    assert f"run={failed.run_id} snapshot=2024-07-01 files=bad_2024-07-01.csv step=validated: " in line
    assert "60 of 60 rows are rejected (at most half may be): followers: expected 0 to" in line
    assert sorted(run.tags["tiktok_pipeline/snapshot"] for run in runs) == SNAPSHOTS, "one run for each delivery"
    assert {run.status.value for run in runs} == {"SUCCESS"}
    counted = "select snapshot, count(*) from validated.profiles group by 1 order by 1"
    assert home.sql(counted, published=True) == [(key, 60) for key in SNAPSHOTS]
    assert_every_file_is_in_its_place(home)


def assert_every_file_is_in_its_place(home: Home) -> None:
    assert snapshots_on_disk(home.settings.raw) == [*SNAPSHOTS, "2024-07-01"]
    assert [[entry.file for entry in read_manifest(home.settings.raw / key)] for key in SNAPSHOTS] == [
        ["profiles_2024-03-01.csv"],
        ["profiles_2024-04-01.csv"],
        ["profiles_2024-05-01.csv.gz"],
        ["users_2024-06-01.ndjson"],
    ]
    assert sorted(path.name for path in home.settings.incoming.iterdir()) == ["never.csv.part", "refused"]
    why = (home.settings.refused / "profiles_2024-05-01.csv.gz.why.txt").read_text(encoding="utf-8")
    assert "truncated" in why
