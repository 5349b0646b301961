"""The inbox: complete files move to ``raw/``, unreadable ones are refused with a reason, unfinished ones wait."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tiktok_pipeline.home.manifest import read_manifest, snapshots_on_disk
from tiktok_pipeline.ingest.inbox import IngestResult, ingest_inbox
from tiktok_pipeline.ingest.refused import refused_files
from tiktok_pipeline.ingest.staging import copy_file
from tiktok_pipeline.settings import Settings
from tiktok_pipeline.warehouse.base import UnreadableFileError
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse
from tiktok_pipeline_tests.scrapes import creators, write_csv


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = Settings(home=tmp_path / "home", settle_seconds=0.2, largest_file_bytes=1_000_000)
    made.incoming.mkdir(parents=True)
    return made


def drop(settings: Settings, name: str = "scrape.csv", day: str = "2024-03-01", count: int = 5) -> Path:
    return write_csv(settings.incoming / name, creators(count, day=day))


def inbox_names(settings: Settings) -> list[str]:
    return sorted(path.name for path in settings.incoming.iterdir())


def outcomes(result: IngestResult) -> list[tuple[str, str, str]]:
    return [(file.snapshot, file.file, file.outcome) for file in result.registered]


def test_a_complete_file_leaves_the_inbox_for_its_snapshot(settings: Settings, engine: DuckDBWarehouse) -> None:
    drop(settings)
    result = ingest_inbox(settings, engine)
    assert outcomes(result) == [("2024-03-01", "scrape.csv", "new")]
    assert result.snapshots == ["2024-03-01"]
    assert inbox_names(settings) == []
    assert snapshots_on_disk(settings.raw) == ["2024-03-01"]


def test_the_same_content_under_another_name_changes_nothing(settings: Settings, engine: DuckDBWarehouse) -> None:
    drop(settings)
    ingest_inbox(settings, engine)
    before = read_manifest(settings.raw / "2024-03-01")
    drop(settings, "again.csv")
    assert outcomes(ingest_inbox(settings, engine)) == [("2024-03-01", "scrape.csv", "already there")]
    assert read_manifest(settings.raw / "2024-03-01") == before
    assert inbox_names(settings) == []


def test_a_late_file_with_an_old_date_joins_its_old_snapshot(settings: Settings, engine: DuckDBWarehouse) -> None:
    drop(settings, "new.csv", day="2024-05-01")
    ingest_inbox(settings, engine)
    late = drop(settings, "late.csv", day="2024-03-01")
    os.utime(late, (0, 0))  # copied with its old time
    assert outcomes(ingest_inbox(settings, engine)) == [("2024-03-01", "late.csv", "new")]
    assert snapshots_on_disk(settings.raw) == ["2024-03-01", "2024-05-01"]


def test_the_parts_of_a_file_are_one_snapshot(settings: Settings, engine: DuckDBWarehouse) -> None:
    drop(settings, "scrape_part_1.csv", day="2024-03-01")
    drop(settings, "scrape_part_2.csv", day="2024-03-02")
    drop(settings, "other.csv", day="2024-04-01")
    assert outcomes(ingest_inbox(settings, engine)) == [
        ("2024-04-01", "other.csv", "new"),
        ("2024-03-02", "scrape_part_1.csv", "new"),
        ("2024-03-02", "scrape_part_2.csv", "new"),
    ]


def test_a_bad_part_of_a_file_does_not_stop_the_others(settings: Settings, engine: DuckDBWarehouse) -> None:
    drop(settings, "scrape_part_1.csv", day="2024-03-01")
    drop(settings, "scrape_part_2.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    result = ingest_inbox(settings, engine)
    assert outcomes(result) == [("2024-03-01", "scrape_part_1.csv", "new")]
    assert [file.file for file in result.refused] == ["scrape_part_2.csv"]
    assert inbox_names(settings) == ["refused"]


def test_a_request_beside_a_reply_is_no_delivery_of_its_own(settings: Settings, engine: DuckDBWarehouse) -> None:
    data = {"follower_count": 10, "following_count": 2, "likes_count": 3, "video_count": 4, "display_name": "A"}
    reply = {"data": data, "error": {"code": "ok"}}
    (settings.incoming / "reply_2024-03-01.json").write_text(json.dumps(reply), encoding="utf-8")
    request = settings.incoming / "reply_2024-03-01.request.json"
    request.write_text(json.dumps({"username": "some.creator"}), encoding="utf-8")
    for path in settings.incoming.iterdir():
        os.utime(path, (0, 0))
    assert [file.snapshot for file in ingest_inbox(settings, engine).registered] == ["2024-03-01"]
    assert inbox_names(settings) == []


def test_the_request_of_a_refused_reply_goes_with_it(settings: Settings, engine: DuckDBWarehouse) -> None:
    reply = json.dumps({"data": {"follower_count": 5}, "error": {"code": "ok"}})
    for _ in range(2):
        (settings.incoming / "replies.ndjson").write_text(f"{reply}\n{reply}\n", encoding="utf-8")
        (settings.incoming / "replies.request.json").write_text('{"username": "ann"}', encoding="utf-8")
        for path in settings.incoming.glob("replies*"):
            os.utime(path, (0, 0))
        assert len(ingest_inbox(settings, engine).refused) == 1
        assert inbox_names(settings) == ["refused"]
    there = sorted(path.name for path in settings.refused.iterdir() if not path.name.endswith(".why.txt"))
    assert there == ["2-replies.ndjson", "2-replies.request.json", "replies.ndjson", "replies.request.json"]


def test_an_unreadable_file_is_refused_with_its_reason_and_the_others_are_ingested(
    settings: Settings, engine: DuckDBWarehouse
) -> None:
    whole = gzip.compress(drop(settings, "a.csv").read_bytes())
    (settings.incoming / "b.csv.gz").write_bytes(whole[: len(whole) // 2])
    (settings.incoming / "c.xlsx").write_bytes(b"\x89PNG\r\n")
    (settings.incoming / "d.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    result = ingest_inbox(settings, engine)
    assert [file.file for file in result.registered] == ["a.csv"]
    assert [file.file for file in result.refused] == ["b.csv.gz", "c.xlsx", "d.csv"]
    assert inbox_names(settings) == ["refused"]
    reasons = {file.file: file.reason for file in refused_files(settings.refused)}
    assert "truncated" in reasons["b.csv.gz"]
    assert "an image, not a table" in reasons["c.xlsx"]
    assert "cannot tell which column holds" in reasons["d.csv"]


def test_a_repaired_file_delivered_again_is_ingested(settings: Settings, engine: DuckDBWarehouse) -> None:
    whole = gzip.compress(drop(settings, "a.csv").read_bytes())
    (settings.incoming / "a.csv").unlink()
    (settings.incoming / "b.csv.gz").write_bytes(whole[:50])
    ingest_inbox(settings, engine)
    (settings.incoming / "b.csv.gz").write_bytes(whole)
    assert outcomes(ingest_inbox(settings, engine)) == [("2024-03-01", "b.csv.gz", "new")]


def test_a_refused_file_does_not_overwrite_an_earlier_one(settings: Settings, engine: DuckDBWarehouse) -> None:
    for content in ("first", "second"):
        (settings.incoming / "d.csv").write_text(content, encoding="utf-8")
        ingest_inbox(settings, engine)
    assert [file.file for file in refused_files(settings.refused)] == ["2-d.csv", "d.csv"]
    assert (settings.refused / "d.csv").read_text(encoding="utf-8") == "first"


@pytest.mark.parametrize("name", ["x.csv.part", ".hidden.csv", "x.csv.tmp", "x.crdownload", "x.csv~"])
def test_a_file_with_the_name_of_an_unfinished_one_is_never_read(
    settings: Settings, engine: DuckDBWarehouse, name: str
) -> None:
    (settings.incoming / name).write_bytes(drop(settings, "a.csv").read_bytes())
    (settings.incoming / "a.csv").unlink()
    result = ingest_inbox(settings, engine)
    assert (result.registered, result.refused, inbox_names(settings)) == ([], [], [name])


def test_a_link_is_refused_and_not_followed(settings: Settings, engine: DuckDBWarehouse, tmp_path: Path) -> None:
    secret = write_csv(tmp_path / "secret.csv", creators(5))
    before = secret.read_bytes()
    (settings.incoming / "link.csv").symlink_to(secret)
    result = ingest_inbox(settings, engine)
    assert result.registered == []
    assert "only files are ingested" in result.refused[0].reason
    assert (settings.refused / "link.csv").is_symlink()
    assert secret.read_bytes() == before
    assert not settings.raw.exists() or snapshots_on_disk(settings.raw) == []


@pytest.mark.parametrize("name", ["bad.csv.why.txt", ".bad.csv.why.txt.draft"])
def test_a_link_in_the_place_of_a_reason_is_not_followed(
    settings: Settings, engine: DuckDBWarehouse, tmp_path: Path, name: str
) -> None:
    mine = tmp_path / "mine.txt"
    mine.write_text("mine", encoding="utf-8")
    settings.refused.mkdir(parents=True)
    (settings.refused / name).symlink_to(mine)
    (settings.incoming / "bad.csv").write_text("no,table\n1,2\n", encoding="utf-8")
    (refused,) = ingest_inbox(settings, engine).refused
    assert mine.read_text(encoding="utf-8") == "mine"
    assert (settings.refused / f"{refused.file}.why.txt").read_text(encoding="utf-8") == f"{refused.reason}\n"


def test_a_file_that_is_exchanged_for_a_link_while_it_is_copied_gives_nothing_away(tmp_path: Path) -> None:
    secret, delivered, copy = tmp_path / "secret", tmp_path / "a.csv", tmp_path / "copy"
    secret.write_bytes(b"secret")
    has_ended = threading.Event()

    def exchange() -> None:
        while not has_ended.is_set():
            for is_link in (True, False):
                other = tmp_path / "other"
                if is_link:
                    other.symlink_to(secret)
                else:
                    other.write_bytes(b"good")
                os.replace(other, delivered)  # noqa: PTH105 - a link is moved, not followed

    delivered.write_bytes(b"good")
    attacker = threading.Thread(target=exchange)
    attacker.start()
    outcomes: set[bytes] = set()
    deadline = time.monotonic() + 20
    try:
        while len(outcomes) < 2 and time.monotonic() < deadline:
            for _ in range(200):
                copy.unlink(missing_ok=True)
                try:
                    copy_file(delivered, copy)
                    outcomes.add(copy.read_bytes())
                except UnreadableFileError as error:
                    outcomes.add(error.message.encode())
    finally:
        has_ended.set()
        attacker.join()
    assert outcomes == {b"good", b"a.csv: a link or a special file; only files are ingested"}


def test_an_archive_bomb_is_stopped_at_the_size_limit(settings: Settings, engine: DuckDBWarehouse) -> None:
    (settings.incoming / "bomb.csv.gz").write_bytes(gzip.compress(b"0" * 20_000_000))
    started = time.monotonic()
    result = ingest_inbox(settings, engine)
    assert "larger than the limit of 0.001 GB" in result.refused[0].reason
    assert time.monotonic() - started < 10


def test_a_file_that_still_grows_waits(settings: Settings, engine: DuckDBWarehouse) -> None:
    path = drop(settings, "slow.csv", count=50)
    stop = threading.Event()

    def grow() -> None:
        while not stop.wait(0.02):
            with path.open("a", encoding="utf-8") as more:
                more.write("\n")

    writer = threading.Thread(target=grow)
    writer.start()
    try:
        result = ingest_inbox(settings, engine)
    finally:
        stop.set()
        writer.join()
    assert (result.registered, result.waiting, inbox_names(settings)) == ([], ["slow.csv"], ["slow.csv"])
    assert [file.file for file in ingest_inbox(settings, engine).registered] == ["slow.csv"]


def test_a_file_that_is_open_for_writing_waits(settings: Settings, engine: DuckDBWarehouse) -> None:
    path = drop(settings)
    hold = "import sys\nkept = open(sys.argv[1], 'a')\nprint('open', flush=True)\nsys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        result = ingest_inbox(settings, engine)
        other.kill()
    assert (result.registered, result.waiting) == ([], ["scrape.csv"])
    assert len(ingest_inbox(settings, engine).registered) == 1


@pytest.mark.parametrize("name", ["it's; drop table x.csv", "$(reboot).csv", "ünï 🎬.csv", "-rf.csv"])
def test_a_hostile_file_name_is_stored_under_a_safe_one(
    settings: Settings, engine: DuckDBWarehouse, name: str
) -> None:
    drop(settings, name)
    (file,) = ingest_inbox(settings, engine).registered
    assert file.file.isascii()
    assert (settings.raw / "2024-03-01" / file.file).is_file()
    assert inbox_names(settings) == []


def test_leftovers_of_a_killed_process_are_removed_or_completed(settings: Settings, engine: DuckDBWarehouse) -> None:
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
