"""What lies in a folder, and which snapshot a file belongs to."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from tiktok_pipeline.raw.snapshots import (
    SnapshotKeyError,
    check_snapshot_key,
    date_in_name,
    file_format,
    is_finished,
    safe_name,
    scrapes_in,
    snapshot_keys,
)

MAY = date(2024, 5, 1)


@pytest.mark.parametrize(
    ("dates", "given", "keys"),
    [
        ({"a_2024-01-01.csv": MAY}, "2023-08-12", {"a_2024-01-01.csv": "2023-08-12"}),
        ({"a.csv": MAY, "b.csv": None}, "2023-08-12T06-30-00Z", dict.fromkeys(["a.csv", "b.csv"], "2023-08-12T06-30-00Z")),
        ({"a_2024-01-01.csv": MAY}, None, {"a_2024-01-01.csv": "2024-05-01"}),
        ({"a_2024-01-01.csv": None}, None, {"a_2024-01-01.csv": "2024-01-01"}),
        ({"a_20240101.csv": None}, None, {"a_20240101.csv": "2024-01-01"}),
        ({"a.csv": None, "b.csv": MAY}, None, {"a.csv": "2024-05-01", "b.csv": "2024-05-01"}),
        ({"a.csv": None, "b.csv": MAY, "c_2024-06-01.csv": None}, None, {"a.csv": "2024-06-01", "b.csv": "2024-05-01", "c_2024-06-01.csv": "2024-06-01"}),
        ({}, None, {}),
    ],
    ids=["given", "given for all", "rows", "name", "name without dashes", "other file", "newest other", "none"],
)  # fmt: skip
def test_keys(dates: dict[str, date | None], given: str | None, keys: dict[str, str]) -> None:
    found = snapshot_keys({Path("in") / name: day for name, day in dates.items()}, given=given)
    assert {path.name: key for path, key in found.items()} == keys


def test_without_any_date_the_error_says_what_to_give() -> None:
    with pytest.raises(
        SnapshotKeyError, match=r"^a[.]csv: no date in its rows or its name; .*--snapshot 2023-08-12$"
    ):
        snapshot_keys({Path("in/a.csv"): None, Path("in/b.csv"): None})


@pytest.mark.parametrize("key", ["2023-08-12", "2023-08-12T06-30-00Z", "2024-02-29"])
def test_a_key_is_a_date_or_a_time(key: str) -> None:
    assert check_snapshot_key(key) == key


@pytest.mark.parametrize(
    "key",
    ["", "today", "2023-02-29", "2023-13-01", "12-08-2023", "2023-08-12T06:30:00Z", "2023-08-12T99-99-99Z", "2023-08-12\n",
     "../2023-08-12", "2023-08-12/..", "٢٠٢٣-٠٨-١٢", "2023-08-12T06-30-00Z\n"],
)  # fmt: skip
def test_any_other_key_is_refused(key: str) -> None:
    with pytest.raises(SnapshotKeyError, match="expected a date such as 2023-08-12, or a time such as") as caught:
        snapshot_keys({Path("a.csv"): MAY}, given=key)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "day"),
    [
        ("profiles_2023-08-12.csv", date(2023, 8, 12)),
        ("2023-08-12_to_2023-09-01.csv", date(2023, 9, 1)),
        ("20230812.csv.gz", date(2023, 8, 12)),
        ("2023-02-31.csv", None),
        ("2023-08-12_2023-99-99.csv", date(2023, 8, 12)),
        ("id_6794435137251820550.csv", None),
        ("120230812.csv", None),
        ("profiles.csv", None),
    ],
)
def test_the_date_in_a_name(name: str, day: date | None) -> None:
    assert date_in_name(Path("2020-01-01") / name) == day


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


def test_the_scrapes_of_a_folder(tmp_path: Path) -> None:
    for name in ("b.csv", "a.json.gz", ".hidden.csv", "c.csv.part", "notes.txt", "d.parquet"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "link.csv").symlink_to(tmp_path / "b.csv")
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "folder.csv" / "inside.csv").write_bytes(b"")
    assert [path.name for path in scrapes_in(tmp_path)] == ["a.json.gz", "b.csv", "d.parquet"]


@pytest.mark.parametrize("name", ["a.csv", "profiles_2023-08-12.csv.gz", "A-1.b_c.json", "x" * 116 + ".csv"])
def test_a_plain_name_is_kept(name: str) -> None:
    assert safe_name(Path("in") / name) == name


@pytest.mark.parametrize(
    "name",
    ["a b.csv", "-rf.csv", ".csv", "скан.csv.gz", "it's \"x\"; drop.json", "two\nlines.csv", "$(x).ndjson", "x" * 300 + ".csv",
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
