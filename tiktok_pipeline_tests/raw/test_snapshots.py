"""What lies in a folder, and which snapshot a file belongs to."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tiktok_pipeline.raw.snapshots import (
    FileStat,
    SnapshotKeyError,
    check_snapshot_key,
    file_format,
    is_being_written,
    is_finished,
    list_inbox,
    safe_name,
)


@pytest.mark.parametrize("key", ["2023-08-12", "2023-08-12T06-30-00Z", "2024-02-29"])
def test_a_key_is_a_date_or_a_time(key: str) -> None:
    assert check_snapshot_key(key) == key


@pytest.mark.parametrize(
    "key",
    ["", "today", "2023-02-29", "2023-13-01", "12-08-2023", "2023-08-12T06:30:00Z", "2023-08-12T99-99-99Z",
        "2023-08-12\n",
     "../2023-08-12", "2023-08-12/..", "٢٠٢٣-٠٨-١٢", "2023-08-12T06-30-00Z\n"],
)  # fmt: skip
def test_any_other_key_is_refused(key: str) -> None:
    with pytest.raises(SnapshotKeyError, match="expected a date such as 2023-08-12, or a time such as") as caught:
        check_snapshot_key(key)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.csv", "csv"),
        ("A.CSV", "csv"),
        ("a.csv.gz", "csv"),
        ("a.json", "json"),
        ("a.JSON.GZ", "json"),
        ("a.ndjson", "ndjson"),
        ("a.ndjson.gz", "ndjson"),
        ("a.jsonl", "ndjson"),
        ("a.jsonl.gz", "ndjson"),
        ("a.parquet", "parquet"),
        ("a.parquet.gz", None),
        ("a.xlsx", None),
        ("a.txt", None),
        ("a.csv.zip", None),
        ("csv", None),
        ("a.gz", None),
    ],
)
def test_the_format_is_told_by_the_ending(name: str, expected: str | None) -> None:
    assert file_format(Path(name)) == expected


@pytest.mark.parametrize(
    ("name", "whole"),
    [
        ("a.csv", True),
        ("part.csv", True),
        (".a.csv", False),
        ("a.csv.part", False),
        ("a.csv.PARTIAL", False),
        ("a.csv.tmp", False),
        ("a.csv.crdownload", False),
        ("a.csv~", False),
        ("~a.csv", True),
    ],
)
def test_files_still_being_written_are_told_by_their_name(name: str, *, whole: bool) -> None:
    assert is_finished(Path(name)) is whole


def test_the_deliveries_of_a_folder_are_files_of_any_kind_and_links(tmp_path: Path) -> None:
    for name in ("b.csv", "a.JSON.GZ", ".hidden.csv", "c.csv.part", "d.csv~", "notes.txt", "no ending"):
        (tmp_path / name).write_bytes(b"12345")
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "folder.csv" / "inside.csv").write_bytes(b"")
    (tmp_path / "link.csv").symlink_to(tmp_path / "b.csv")
    (tmp_path / "link to nothing.csv").symlink_to(tmp_path / "nothing")
    (tmp_path / "link to folder.csv").symlink_to(tmp_path / "folder.csv")
    os.mkfifo(tmp_path / "pipe.csv")
    found = list_inbox(tmp_path)
    assert list(found) == [
        "a.JSON.GZ", "b.csv", "link to folder.csv", "link to nothing.csv", "link.csv", "no ending", "notes.txt",
        "pipe.csv"
    ]  # fmt: skip
    assert found["b.csv"].bytes == 5


def test_a_link_is_looked_at_and_not_what_it_points_to(tmp_path: Path) -> None:
    target = tmp_path / "elsewhere" / "secret.csv"
    target.parent.mkdir()
    target.write_bytes(b"x" * 10_000)
    (tmp_path / "link.csv").symlink_to(target)
    before = list_inbox(tmp_path)
    own = (tmp_path / "link.csv").lstat()
    assert before == {"link.csv": FileStat(own.st_size, own.st_mtime_ns, own.st_ctime_ns)}
    target.write_bytes(b"x" * 20_000)
    assert list_inbox(tmp_path) == before


def test_a_look_tells_a_file_that_grew_or_was_replaced_from_one_that_stayed(tmp_path: Path) -> None:
    for name in ("grew.csv", "replaced.csv", "stayed.csv"):
        (tmp_path / name).write_bytes(b"12345")
        os.utime(tmp_path / name, ns=(10**18, 10**18))
    before = list_inbox(tmp_path)
    assert {look.modified_ns for look in before.values()} == {10**18}
    with (tmp_path / "grew.csv").open("ab") as file:
        file.write(b"6")
    (tmp_path / "new").write_bytes(b"abcde")
    os.utime(tmp_path / "new", ns=(10**18, 10**18))  # a copy that keeps the date of its original
    (tmp_path / "new").replace(tmp_path / "replaced.csv")
    after = list_inbox(tmp_path)
    assert [name for name in before if before[name] == after[name]] == ["stayed.csv"]
    assert (after["grew.csv"].bytes, after["replaced.csv"].modified_ns) == (6, 10**18)


def test_no_folder_has_no_deliveries(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert list_inbox(tmp_path / "none") == list_inbox(tmp_path / "file") == {}


def test_a_file_that_is_taken_away_meanwhile_is_no_delivery(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "there.csv").write_bytes(b"")
    monkeypatch.setattr(Path, "iterdir", lambda folder: iter([folder / "gone.csv", folder / "there.csv"]))
    assert list(list_inbox(tmp_path)) == ["there.csv"]


_HOLD = "import sys; f = open(sys.argv[1], sys.argv[2]); print('open', flush=True); sys.stdin.read()"


@contextmanager
def held_open(path: Path, mode: str) -> Iterator[None]:
    """Another process has the file open."""
    with subprocess.Popen(
        [sys.executable, "-S", "-c", _HOLD, str(path), mode], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        yield
        process.kill()


@pytest.mark.parametrize(("mode", "written"), [("ab", True), ("r+b", True), ("wb", True), ("rb", False)])
def test_a_file_that_another_process_writes_is_told(tmp_path: Path, mode: str, *, written: bool) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"12345")
    assert not is_being_written(path)
    with held_open(path, mode):
        assert is_being_written(path) is written
        assert is_being_written(path) is written  # the first look changed nothing
    assert not is_being_written(path)
    with path.open("ab") as file:  # and nobody who comes later has to wait
        file.write(b"6")


def test_what_is_no_file_is_not_being_written(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"")
    (tmp_path / "link.csv").symlink_to(path)
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe.csv")
    with path.open("ab"):
        assert is_being_written(path)
        for name in ("link.csv", "folder", "pipe.csv", "none.csv"):
            assert not is_being_written(tmp_path / name)


_LOOK_WHILE_A_WRITER_COMES = """
import fcntl, subprocess, sys, time, types
from pathlib import Path
from tiktok_pipeline.raw import snapshots as room

def slowly(descriptor, command, argument):
    result = fcntl.fcntl(descriptor, command, argument)
    if (command, argument) == (fcntl.F_SETLEASE, fcntl.F_RDLCK):
        subprocess.Popen(["sh", "-c", ': >> "$0"', sys.argv[1]])
        time.sleep(0.3)
    return result

room.fcntl = types.SimpleNamespace(**{**vars(fcntl), "fcntl": slowly})
room.is_being_written(Path(sys.argv[1]))
"""


def test_a_writer_that_comes_during_the_look_does_not_end_the_program(tmp_path: Path) -> None:
    """The kernel tells the one who looks by a signal, which ends a process that did not ask for another one."""
    path = tmp_path / "a.csv"
    path.write_bytes(b"12345")
    done = subprocess.run([sys.executable, "-c", _LOOK_WHILE_A_WRITER_COMES, str(path)], check=False)
    assert done.returncode == 0  # -29 is SIGIO


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("A.CSV", "A.csv"),
        ("Profiles_2023-08-12.Csv.GZ", "Profiles_2023-08-12.csv.gz"),
        ("a.csv.GZ", "a.csv.gz"),
        ("CSV.JSON", "CSV.json"),
        ("a.NdJson", "a.ndjson"),
        ("a.PARQUET", "a.parquet"),
        ("NOTES.TXT", "NOTES.TXT"),
        ("a.CSV.ZIP", "a.CSV.ZIP"),
    ],
)
def test_the_ending_is_stored_in_small_letters(name: str, stored: str) -> None:
    assert safe_name(Path("in") / name) == stored


@pytest.mark.parametrize("name", ["a b.CSV", "скан.Csv.GZ", "x" * 300 + ".JSON"])
def test_so_is_that_of_an_odd_name(name: str) -> None:
    stored = safe_name(Path("in") / name)
    assert stored.endswith({"CSV": ".csv", "GZ": ".csv.gz", "JSON": ".json"}[name.rpartition(".")[2]])
    assert file_format(Path(stored)) == file_format(Path(name))


@pytest.mark.parametrize("name", ["a.csv", "profiles_2023-08-12.csv.gz", "A-1.b_c.json", "x" * 116 + ".csv"])
def test_a_plain_name_is_kept(name: str) -> None:
    assert safe_name(Path("in") / name) == name


@pytest.mark.parametrize(
    "name",
    ["a b.csv", "-rf.csv", ".csv", "скан.csv.gz", "it's \"x\"; drop.json", "two\nlines.csv", "$(x).ndjson",
        "x" * 300 + ".csv",
     "a\udcff.parquet", "🎉.jsonl.gz"],
)  # fmt: skip
def test_an_odd_name_is_made_plain_and_keeps_its_kind(name: str) -> None:
    stored = safe_name(Path("in") / name)
    assert stored.isascii()
    assert set(stored) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
    assert stored[0].isalnum()
    assert len(stored) < 120
    assert file_format(Path(stored)) == file_format(Path(name))
    assert safe_name(Path("elsewhere") / name) == stored != safe_name(Path("x" + name))
