"""The inbox: whole files leave it for ``raw/``, what cannot be read is set aside with its reason, the rest waits."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tiktok_pipeline.home.manifest import read_manifest, snapshots_on_disk
from tiktok_pipeline.ingest.inbox import IngestResult, ingest_inbox, refused_files
from tiktok_pipeline.settings import Settings
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse
from tiktok_pipeline_tests.scrapes import creators, write_csv


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = Settings(home=tmp_path / "home", settle_seconds=0.2, largest_file_bytes=1_000_000)
    made.incoming.mkdir(parents=True)
    return made


@pytest.fixture
def engine() -> Iterator[DuckDBWarehouse]:
    with DuckDBWarehouse(None) as opened:
        yield opened


def drop(settings: Settings, name: str = "scrape.csv", day: str = "2024-03-01", count: int = 5) -> Path:
    return write_csv(settings.incoming / name, creators(count, day=day))


def there(settings: Settings) -> list[str]:
    return sorted(path.name for path in settings.incoming.iterdir())


def outcomes(found: IngestResult) -> list[tuple[str, str, str]]:
    return [(one.snapshot, one.file, one.outcome) for one in found.registered]


def test_a_whole_file_leaves_the_inbox_for_its_snapshot(settings: Settings, engine: DuckDBWarehouse) -> None:
    drop(settings)
    found = ingest_inbox(settings, engine)
    assert outcomes(found) == [("2024-03-01", "scrape.csv", "new")]
    assert found.snapshots == ["2024-03-01"]
    assert there(settings) == []
    assert snapshots_on_disk(settings.raw) == ["2024-03-01"]


def test_the_same_content_again_changes_nothing_whatever_its_name(
    settings: Settings, engine: DuckDBWarehouse
) -> None:
    drop(settings)
    ingest_inbox(settings, engine)
    before = read_manifest(settings.raw / "2024-03-01")
    drop(settings, "again.csv")
    assert outcomes(ingest_inbox(settings, engine)) == [("2024-03-01", "scrape.csv", "already there")]
    assert read_manifest(settings.raw / "2024-03-01") == before
    assert there(settings) == []


def test_a_late_file_with_an_old_date_joins_its_old_snapshot(settings: Settings, engine: DuckDBWarehouse) -> None:
    drop(settings, "new.csv", day="2024-05-01")
    ingest_inbox(settings, engine)
    late = drop(settings, "late.csv", day="2024-03-01")
    os.utime(late, (0, 0))  # copied with its old time
    assert outcomes(ingest_inbox(settings, engine)) == [("2024-03-01", "late.csv", "new")]
    assert snapshots_on_disk(settings.raw) == ["2024-03-01", "2024-05-01"]


def test_a_bad_file_is_set_aside_with_its_reason_and_the_others_go_on(
    settings: Settings, engine: DuckDBWarehouse
) -> None:
    whole = gzip.compress(drop(settings, "a.csv").read_bytes())
    (settings.incoming / "b.csv.gz").write_bytes(whole[: len(whole) // 2])
    (settings.incoming / "c.xlsx").write_bytes(b"PK")
    (settings.incoming / "d.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    found = ingest_inbox(settings, engine)
    assert [one.file for one in found.registered] == ["a.csv"]
    assert [one.file for one in found.refused] == ["b.csv.gz", "c.xlsx", "d.csv"]
    assert there(settings) == ["refused"]
    reasons = {one.file: one.reason for one in refused_files(settings.refused)}
    assert "truncated" in reasons["b.csv.gz"]
    assert "not a known file format" in reasons["c.xlsx"]
    assert "match no known type of file" in reasons["d.csv"]


def test_a_file_put_right_and_dropped_again_is_taken(settings: Settings, engine: DuckDBWarehouse) -> None:
    whole = gzip.compress(drop(settings, "a.csv").read_bytes())
    (settings.incoming / "a.csv").unlink()
    (settings.incoming / "b.csv.gz").write_bytes(whole[:50])
    ingest_inbox(settings, engine)
    (settings.incoming / "b.csv.gz").write_bytes(whole)
    assert outcomes(ingest_inbox(settings, engine)) == [("2024-03-01", "b.csv.gz", "new")]


def test_a_refused_file_overwrites_no_earlier_one(settings: Settings, engine: DuckDBWarehouse) -> None:
    for content in ("first", "second"):
        (settings.incoming / "d.csv").write_text(content, encoding="utf-8")
        ingest_inbox(settings, engine)
    assert [one.file for one in refused_files(settings.refused)] == ["2-d.csv", "d.csv"]
    assert (settings.refused / "d.csv").read_text(encoding="utf-8") == "first"


@pytest.mark.parametrize("name", ["x.csv.part", ".hidden.csv", "x.csv.tmp", "x.crdownload", "x.csv~"])
def test_a_name_of_an_unfinished_file_is_never_read(settings: Settings, engine: DuckDBWarehouse, name: str) -> None:
    (settings.incoming / name).write_bytes(drop(settings, "a.csv").read_bytes())
    (settings.incoming / "a.csv").unlink()
    found = ingest_inbox(settings, engine)
    assert (found.registered, found.refused, there(settings)) == ([], [], [name])


def test_a_link_is_moved_aside_and_not_followed(settings: Settings, engine: DuckDBWarehouse, tmp_path: Path) -> None:
    secret = write_csv(tmp_path / "secret.csv", creators(5))
    before = secret.read_bytes()
    (settings.incoming / "link.csv").symlink_to(secret)
    found = ingest_inbox(settings, engine)
    assert found.registered == []
    assert "only files are ingested" in found.refused[0].reason
    assert (settings.refused / "link.csv").is_symlink()
    assert secret.read_bytes() == before
    assert not settings.raw.exists() or snapshots_on_disk(settings.raw) == []


def test_an_archive_that_explodes_is_stopped_at_the_limit(settings: Settings, engine: DuckDBWarehouse) -> None:
    (settings.incoming / "bomb.csv.gz").write_bytes(gzip.compress(b"0" * 20_000_000))
    started = time.monotonic()
    found = ingest_inbox(settings, engine)
    assert "larger than the limit of 0.001 GB" in found.refused[0].reason
    assert time.monotonic() - started < 10


def test_a_file_that_still_grows_is_left_for_later(settings: Settings, engine: DuckDBWarehouse) -> None:
    path = drop(settings, "slow.csv", count=50)
    stop = threading.Event()

    def grow() -> None:
        while not stop.wait(0.02):
            with path.open("a", encoding="utf-8") as more:
                more.write("\n")

    writer = threading.Thread(target=grow)
    writer.start()
    try:
        found = ingest_inbox(settings, engine)
    finally:
        stop.set()
        writer.join()
    assert (found.registered, found.waiting, there(settings)) == ([], ["slow.csv"], ["slow.csv"])
    assert [one.file for one in ingest_inbox(settings, engine).registered] == ["slow.csv"]


def test_a_file_that_somebody_holds_open_for_writing_is_left_for_later(
    settings: Settings, engine: DuckDBWarehouse
) -> None:
    path = drop(settings)
    hold = "import sys\nkept = open(sys.argv[1], 'a')\nprint('open', flush=True)\nsys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        found = ingest_inbox(settings, engine)
        other.kill()
    assert (found.registered, found.waiting) == ([], ["scrape.csv"])
    assert len(ingest_inbox(settings, engine).registered) == 1


@pytest.mark.parametrize("name", ["it's; drop table x.csv", "$(reboot).csv", "ünï 🎬.csv", "-rf.csv"])
def test_a_hostile_name_is_only_a_name(settings: Settings, engine: DuckDBWarehouse, name: str) -> None:
    drop(settings, name)
    (one,) = ingest_inbox(settings, engine).registered
    assert one.file.isascii()
    assert (settings.raw / "2024-03-01" / one.file).is_file()
    assert there(settings) == []


def test_what_a_killed_process_left_is_put_away(settings: Settings, engine: DuckDBWarehouse) -> None:
    drop(settings)
    ingest_inbox(settings, engine)
    folder = settings.raw / "2024-03-01"
    (folder / ".coming-other.csv").write_text("never named by a manifest", encoding="utf-8")
    (folder / "scrape.csv").rename(folder / ".coming-scrape.csv")  # killed after the manifest, before the last step
    (settings.raw / ".staging-x").mkdir()
    drop(settings, "b.csv", day="2024-04-01")
    ingest_inbox(settings, engine)
    assert sorted(path.name for path in folder.iterdir()) == ["manifest.json", "scrape.csv"]
    assert sorted(path.name for path in settings.raw.iterdir()) == ["2024-03-01", "2024-04-01"]
