"""Bad input, each kind: a bad file ends in one line and writes nothing; of a mixed one the good rows go on."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tiktok_pipeline.cli.console import FAILED, USAGE_ERROR
from tiktok_pipeline.delivery.open_delivery import open_delivery
from tiktok_pipeline_tests.homes import UNTIL_VALIDATED, Home, Said, command, reasons_of
from tiktok_pipeline_tests.scrapes import COLUMNS, creators, write_csv

STUDY = "influencer_segments"
Call = Callable[..., Said]


def text_of(rows: list[dict[str, str]]) -> str:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()


GOOD = text_of(creators(2_000))
LATE = "renée" + ",1" * (len(COLUMNS) - 1) + "\n"
ZIPPED = gzip.compress(GOOD.encode())
NO_RATES = [{name: cell for name, cell in row.items() if name != "followers"} for row in creators(5)]

BAD_FILES: dict[str, tuple[str, bytes | None, str]] = {
    "missing": ("none.csv", None, "there is no such file or folder"),
    "folder without scrapes": ("folder", None, "no scrape in this folder; expected a file name ending in .csv"),
    "other ending": ("notes.txt", b"hello", "cannot tell which column holds the creator's handle"),
    "empty": ("empty.csv", b"", "the file is empty"),
    "gzip cut off at the head": (
        "cut.csv.gz",
        ZIPPED[:15],
        "the archive is truncated or damaged; copy the file again",
    ),
    "gzip cut off late": ("late.csv.gz", ZIPPED[:-5_000], "the archive is truncated or damaged; copy the file again"),
    "no gzip": (
        "noise.csv.gz",
        b"\x1f\x8b\x08" + b"no gzip" * 9,
        "the archive is truncated or damaged; copy the file again",
    ),
    "no text": ("bytes.csv", bytes(range(256)) * 9, "unknown text encoding; save it as UTF-8"),
    "no header": ("bare.csv", GOOD.partition("\n")[2].encode(), "put a line with the names above it"),
    "header only": ("header.csv", GOOD.partition("\n")[0].encode() + b"\n", "has a header but no rows"),
    "a column missing": (
        "short.csv",
        GOOD.replace("followers", "fame", 1).encode(),
        "cannot tell which column holds",
    ),
    "a column twice": ("twice.csv", GOOD.replace("create_time", "likes", 1).encode(), "occurs more than once with"),
    "no parquet": ("not.parquet", b"PAR1" + GOOD.encode(), "not a readable Parquet file; write or copy it again"),
    "a JSON object": ("dict.json", b'{"profiles": 3}', "cannot tell which column holds"),
    "broken JSON": (
        "broken.json",
        b'[{"account_id": "x", ',
        "no JSON object in it; expected one object for each profile",
    ),
    "JSON of no objects": ("numbers.json", b"[1, 2, 3]", "expected one object for each profile"),
    "undated activity": (
        "scores.csv",
        b"User ID,Instagram visit score,Spending_rank(0 to 100)\n0,63,24.05\n",
        "in its rows or its name; give the day of the scrape, such as --snapshot 2023-08-12",
    ),
}


@pytest.mark.parametrize("kind", BAD_FILES)
def test_a_bad_file_ends_in_one_line_and_nothing_is_written(tmp_path: Path, call: Call, kind: str) -> None:
    name, content, expected = BAD_FILES[kind]
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    elif kind.startswith("folder"):
        path.mkdir()
    said = call(tmp_path / "home", "refresh", path)
    assert said.code == (USAGE_ERROR if kind == "undated activity" else FAILED)
    notes = ["reading the files ..."]
    assert said.err.splitlines() == [*notes, *said.problems]
    (line,) = said.problems
    assert name in line
    assert expected in line
    assert len(line) < 1_200
    assert said.out == ""
    left = [path for path in (tmp_path / "home").rglob("*") if path.is_file()]
    assert left == [tmp_path / "home" / ".lock"]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        pytest.param("plain.csv.gz", GOOD.encode(), ("csv", "utf-8", 2_000, 2_000), id="no gzip"),
        pytest.param("not.parquet", GOOD.encode(), ("csv", "utf-8", 2_000, 2_000), id="no parquet"),
        pytest.param("wide.csv", GOOD.encode("utf-16"), ("csv", "utf-16", 2_000, 2_000), id="utf-16"),
        pytest.param(
            "latin.csv",
            GOOD.encode("ascii", "replace") + LATE.encode("latin-1"),
            ("csv", "utf-8", 2_001, 2_000),
            id="one latin-1 row late in the file is damaged, the others are read",
        ),
        pytest.param(
            "dict.json",
            json.dumps({"profiles": creators(2)}).encode(),
            ("json", "utf-8", 2, 2),
            id="a JSON object with a list of records",
        ),
    ],
)
def test_a_file_is_read_by_its_content(
    tmp_path: Path, name: str, content: bytes, expected: tuple[str, str, int, int]
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    (table,) = open_delivery(path, largest_bytes=len(content), name=name)
    records = list(table.records())
    readable = [record for record in records if record.problem is None and len(record.cells) == len(table.header)]
    assert (table.layout.container, table.layout.encoding, len(records), len(readable)) == expected
    handles = table.header.index("account_id")
    assert [record.cells[handles] for record in readable[:2]] == [row["account_id"] for row in creators(2)]


def test_a_bad_file_leaves_the_older_snapshots_as_they_were(copied_home: Home, call: Call, tmp_path: Path) -> None:
    before, files = copied_home.tables(), sorted(copied_home.path.rglob("*"))
    bad = tmp_path / "profiles_2024-03-01.csv.gz"
    bad.write_bytes(ZIPPED[:-5_000])
    good = write_csv(tmp_path / "good.csv", creators(5, day="2025-01-01"))
    assert call(copied_home.path, "refresh", good, bad).code == FAILED
    assert copied_home.tables() == before
    made = {".lock", "incoming", "dagster"}
    assert [path for path in sorted(copied_home.path.rglob("*")) if path.name not in made] == [
        path for path in files if path.name not in made
    ]


@pytest.mark.parametrize("kind", ["no parquet", pytest.param("gzip cut off late", marks=pytest.mark.slow)])
def test_a_bad_file_prints_no_traceback_and_no_noise_as_a_process(tmp_path: Path, kind: str) -> None:
    name, content, expected = BAD_FILES[kind]
    assert content is not None
    (tmp_path / name).write_bytes(content)
    done = command(tmp_path / "home", "refresh", tmp_path / name)
    assert done.returncode == FAILED
    first, line = done.stderr.splitlines()
    assert first == "reading the files ..."
    assert line.startswith("tiktok-pipeline: ")
    assert expected in line


def bad_rows(path: Path) -> dict[int, str]:
    """Write a scrape of 40 creators, some of them spoiled; gives the ordinal of each bad record and its reason.

    The spoiled optional cells of records 4 and 6 are missing; these records are valid.
    """
    rows = creators(40)
    rows[3]["likes"] = "12345678901234567890"
    rows[5]["timestamp"] = "2023-02-31"
    rows[7]["followers"] = "-1"
    rows[9] |= {"account_id": "", "url": ""}
    rows[11]["nickname"] = "a\x00b"
    rows[13]["biography"] = "x" * 50_000_000
    rows[15]["likes"] = rows[15]["followers"] = "many"
    rows[17]["account_id"] = rows[16]["account_id"]
    header, *lines = text_of([{**row, "biography": row["biography"].replace("\n", " ")} for row in rows]).splitlines()
    lines[19] = header
    lines[21] = lines[21].rsplit(",", 3)[0]
    lines[23] += ",one more"
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return {
        8: "followers: expected 0 to",
        10: "account_id: missing",
        12: "line 13 has a zero byte",
        14: "line 15 has more than 16,000,000 characters",
        16: "followers: many is not a count",
        17: "account_id: an older or earlier duplicate",
        20: "the header, repeated among the rows",
        22: "line 23 has 14 cells; expected 17",
        24: "line 25 has 18 cells; expected 17",
    }


def test_bad_rows_are_rejected_with_reason_and_place_and_the_good_ones_are_kept(tmp_path: Path) -> None:
    expected = bad_rows(tmp_path / "mixed.csv")
    home = Home(tmp_path / "home")
    home.deliver(tmp_path / "mixed.csv")
    result = home.refresh("2024-03-01", selection=UNTIL_VALIDATED)
    assert result.success, reasons_of(result)
    found = home.sql(
        "select source_row, delivered_name, reasons from validated.rejected join raw.files"
        " on file = source_file and files.snapshot = rejected.snapshot order by 1"
    )
    assert {row: file for row, file, _ in found} == dict.fromkeys(expected, "mixed.csv")
    for row, _, reasons in found:
        assert any(reason.startswith(expected[row]) for reason in reasons), (row, reasons)
    unread = home.sql("select column_name, cells from validated.unread_cells order by 1")
    assert unread == [("likes", 1), ("observed_on", 1)]
    assert home.value("select count(*) from validated.profiles") == 40 - len(expected)
    assert home.value("select count(*) from raw.profiles") == 40
    kept = [row for (row,) in home.sql("select source_row from validated.profiles order by 1")]
    assert kept == [row for row in range(1, 41) if row not in expected]


@pytest.mark.slow
def test_a_snapshot_of_bad_rows_fails_in_one_line_and_the_next_is_still_done(tmp_path: Path, call: Call) -> None:
    bad = write_csv(tmp_path / "a.csv", [{**row, "followers": "-1"} for row in creators(8)])
    good = write_csv(tmp_path / "b.csv", creators(40, day="2024-04-01"))
    said = call(tmp_path / "home", "refresh", bad, good, "--study", STUDY)
    assert said.code == FAILED
    (line,) = said.problems
    assert "snapshot 2024-03-01, profiles: 8 of 8 rows are rejected" in line
    assert "Traceback" not in said.err
    assert Home(tmp_path / "home").value(f"select count(*) from segments.{STUDY}", published=True) == 40
