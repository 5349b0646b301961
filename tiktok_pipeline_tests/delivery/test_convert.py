"""A converted table is a text Parquet file that the engine reads back record by record."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tiktok_pipeline.delivery import convert
from tiktok_pipeline.delivery.convert import write_text_parquet
from tiktok_pipeline.delivery.open_delivery import open_delivery
from tiktok_pipeline.delivery.tables import DeliveredTable, Layout, Record
from tiktok_pipeline.privacy.mentions import FORGOTTEN_MENTION, RedactionError
from tiktok_pipeline.privacy.redact import redact
from tiktok_pipeline.text_parquet import LINE, MARK, PROBLEM, ROW, header_from_mark
from tiktok_pipeline.warehouse.base import UnreadableFileError
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse
from tiktok_pipeline_tests.warehouse.tables import rows_of

RECORDS = [
    Record(1, 2, ("anna", "é\x00", "")),
    Record(2, 4, (None, None, None), "torn"),
    Record(3, 5, ("ben", None, "half \ud83d")),
]


def table_of(records: list[Record], header: tuple[str, ...] = ("account_id", "Likes", "likes")) -> DeliveredTable:
    return DeliveredTable(name="a", layout=Layout(container="csv"), header=header, read=lambda: iter(records))


def scanned(path: Path) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    with DuckDBWarehouse(None) as engine, engine.reading(path):
        scan = engine.scan(path, "parquet")
        return scan.header, [tuple(record.values()) for record in rows_of(scan.rows)]


def test_the_engine_reads_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    assert write_text_parquet(table_of(RECORDS), path) == 3
    header, rows = scanned(path)
    assert header == ("account_id", "Likes", "likes")
    assert rows == [
        (1, None, "anna", "é\x00", ""),
        (2, "torn", None, None, None),
        (3, None, "ben", None, "half \ufffd"),
    ]


def test_ordinals_and_lines_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    write_text_parquet(table_of([Record(7, 20, ("a",)), Record(9, None, ("b",))], ("id",)), path)
    assert pq.read_table(path).to_pydict() == {ROW: [7, 9], LINE: [20, None], PROBLEM: [None, None], "id": ["a", "b"]}
    assert scanned(path)[1] == [(7, None, "a"), (9, None, "b")]


def test_hostile_names_are_only_text(tmp_path: Path) -> None:
    header = ('"; drop table x', ROW, "source_row", "cell_0", "é\n", "x" * 300)
    path = tmp_path / "a.parquet"
    write_text_parquet(table_of([Record(1, 1, tuple("abcdef"))], header), path)
    assert scanned(path) == (header, [(1, None, *"abcdef")])


def test_a_long_cell_damages_its_record(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    records = [Record(1, 1, ("é" * 500_001, "b")), Record(2, 2, ("é" * 500_000, "b"))]
    write_text_parquet(table_of(records, ("id", "likes")), path)
    _, rows = scanned(path)
    assert rows[0] == (1, "a cell of 1000002 bytes (at most 1000000)", None, None)
    assert rows[1][:2] == (2, None)


def test_row_groups_are_bounded_by_rows_and_by_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convert, "ROWS_PER_GROUP", 4)
    monkeypatch.setattr(convert, "BYTES_PER_GROUP", 100)
    records = [Record(number, number, ("x" * (60 if number > 8 else 1),)) for number in range(1, 13)]
    path = tmp_path / "a.parquet"
    write_text_parquet(table_of(records, ("id",)), path)
    metadata = pq.read_metadata(path)
    assert [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)] == [4, 4, 2, 2]


@pytest.mark.parametrize("cells", [1, 10, 60, 1_000])
def test_records_are_whole_in_whatever_batches_they_become_columns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cells: int
) -> None:
    """Batches of 1, 2 and 10 records of two columns and three of our own, and one batch of all."""
    monkeypatch.setattr(convert, "CELLS_PER_BATCH", cells)
    records = [Record(row, row, (f"a{row}" if row % 5 else None, "b" if row == 7 else None)) for row in range(1, 13)]
    path = tmp_path / "a.parquet"
    write_text_parquet(table_of(records, ("id", "likes")), path)
    assert scanned(path)[1] == [(record.row, None, *record.cells) for record in records]
    assert pq.read_metadata(path).num_row_groups == 1


def test_row_groups_are_bounded_by_the_bytes_of_their_columns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(convert, "CELLS_PER_BATCH", 1)
    monkeypatch.setattr(convert, "LARGEST_GROUP", 1)
    path = tmp_path / "a.parquet"
    write_text_parquet(table_of([Record(row, row, ("a",)) for row in range(1, 4)], ("id",)), path)
    metadata = pq.read_metadata(path)
    assert [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)] == [1, 1, 1]


SPARSE = """
import re, sys
from pathlib import Path
from tiktok_pipeline.delivery.convert import write_text_parquet
from tiktok_pipeline.delivery.tables import DeliveredTable, Layout, Record

header = tuple(f"key {number}" for number in range(10_000))

def records():
    yield Record(1, 1, ("x",) * len(header))
    for row in range(2, 2_501):
        yield Record(row, row, ("x", *(None,) * (len(header) - 1)))

table = DeliveredTable(name="a", layout=Layout(container="json"), header=header, read=records)
assert write_text_parquet(table, Path(sys.argv[1])) == 2_500
print(int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) // 1024)
"""
"""Prints the most memory that 2,500 records of one key below one of 10,000 keys took, in MB.

The figure of `getrusage` would be that of the test's own process, which starts this one, if it is larger.
"""


def test_records_of_few_keys_below_one_of_many_need_little_memory(tmp_path: Path) -> None:
    """Each record has 10,000 cells: in one batch, they take 600 MB."""
    command = [sys.executable, "-c", SPARSE, str(tmp_path / "a.parquet")]
    assert int(subprocess.run(command, capture_output=True, text=True, check=True).stdout) < 400


def test_nothing_is_left_of_a_table_that_cannot_be_read(tmp_path: Path) -> None:
    def broken() -> Iterator[Record]:
        yield Record(1, 1, ("a",))
        raise UnreadableFileError("a: damaged")

    table = DeliveredTable(name="a", layout=Layout(container="csv"), header=("id",), read=broken)
    with pytest.raises(UnreadableFileError):
        write_text_parquet(table, tmp_path / "a.parquet")
    assert list(tmp_path.iterdir()) == []


def test_a_foreign_file_with_columns_of_these_names_is_not_ours(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({ROW: [7], LINE: [8], PROBLEM: ["oops"], "id": ["a"]}), path)
    assert scanned(path) == ((ROW, LINE, PROBLEM, "id"), [(1, None, "7", "8", "oops", "a")])
    (opened,) = open_delivery(path, largest_bytes=None, name="a")
    assert opened.header == (ROW, LINE, PROBLEM, "id")


def test_a_converted_file_that_is_delivered_again_gives_the_same_table(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    write_text_parquet(table_of(RECORDS, ("account_id", "likes", "stats.likes")), path)
    (opened,) = open_delivery(path, largest_bytes=None, name="a")
    assert (opened.header, opened.plain_format) == (("account_id", "likes", "stats.likes"), None)
    assert [(record.row, record.cells[0], record.problem) for record in opened.records()] == [
        (1, "anna", None),
        (2, None, "torn"),
        (3, "ben", None),
    ]


def test_a_broken_mark_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"id": ["a"]}).replace_schema_metadata({MARK: b"oops"}), path)
    with pytest.raises(UnreadableFileError, match=r"^a[.]parquet: ") as caught:
        scanned(path)
    assert str(caught.value).isprintable()
    with pytest.raises(ValueError, match="version 1"):
        header_from_mark(json.dumps({"version": 2, "header": []}).encode())


def test_redaction_keeps_ordinals_lines_and_the_mark(tmp_path: Path) -> None:
    source, target = tmp_path / "a.parquet", tmp_path / "b.parquet"
    records = [Record(3, 30, ("anna", "hi @ben")), Record(5, 50, ("ben", "x")), Record(9, 90, (None, None), "torn")]
    write_text_parquet(table_of(records, ("account_id", "Biography")), source)
    redact(source, target, rows=[5, 9], mentions=["ben"])
    rows = pq.read_table(target)
    assert (rows[ROW].to_pylist(), rows[LINE].to_pylist()) == ([3, 5, 9], [30, 50, 90])
    assert scanned(target) == (
        ("account_id", "Biography"),
        [(3, None, "anna", f"hi {FORGOTTEN_MENTION}"), (5, None, None, None), (9, None, None, None)],
    )


def test_redaction_refuses_an_ordinal_that_the_file_does_not_reach(tmp_path: Path) -> None:
    source = tmp_path / "a.parquet"
    write_text_parquet(table_of([Record(5, 50, ("ben",))], ("account_id",)), source)
    with pytest.raises(RedactionError, match="there is no record 6"):
        redact(source, tmp_path / "b.parquet", rows=[6])
