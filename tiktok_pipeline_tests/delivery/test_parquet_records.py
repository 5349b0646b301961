"""Parquet: values as exact text, nested values by path, every page checked, limits for what expands."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tiktok_pipeline.delivery import parquet_records, worker
from tiktok_pipeline.delivery.parquet_cells import text_of
from tiktok_pipeline.delivery.parquet_worker import TooLargeError, read_all
from tiktok_pipeline.warehouse.base import UnreadableFileError
from tiktok_pipeline_tests.delivery.records import cells_of, delivered


def parquet(table: pa.Table, **options: Any) -> bytes:
    stream = io.BytesIO()
    pq.write_table(table, stream, **options)
    return stream.getvalue()


NAIVE = datetime(2024, 5, 6, 1, 2, 3, 500_000)  # noqa: DTZ001 - a Parquet time without a zone
TEXTS: list[tuple[pa.Array, list[str | None]]] = [
    (pa.array([3912.0, 0.1, 6.7e18, 1e15]), ["3912", "0.1", "6.7e+18", "1000000000000000"]),
    (pa.array([None, float("nan")]), [None, None]),
    (pa.array([0.1, 3.0, -0.0], pa.float32()), ["0.1", "3", "0"]),
    (pa.array([2**64 - 1], pa.uint64()), ["18446744073709551615"]),
    (pa.array([Decimal("3912.00"), Decimal("0.06430"), None]), ["3912", "0.0643", None]),
    (pa.array([True, False, None]), ["true", "false", None]),
    (pa.array([date(2024, 5, 6)]), ["2024-05-06"]),
    (pa.array([time(1, 2, 3)]), ["01:02:03"]),
    (pa.array([NAIVE], pa.timestamp("ns")), ["2024-05-06 01:02:03.5"]),
    (pa.array([NAIVE.replace(microsecond=0)], pa.timestamp("ms")), ["2024-05-06 01:02:03"]),
    (pa.array([datetime(2024, 5, 5, 23, tzinfo=UTC)], pa.timestamp("us", "Asia/Tokyo")), ["2024-05-05 23:00:00"]),
    (pa.array(["a", None]).dictionary_encode(), ["a", None]),
    (pa.array(["é".encode(), None], pa.binary()), ["é", None]),
    (pa.array([b"a\xffb"], pa.binary()), ["a\ufffdb"]),
    (pa.array([b"abc"], pa.binary(3)), ["abc"]),
    (pa.array([["a", None], [], None]), ['["a",null]', "[]", None]),
    (pa.array([[{"likes": 4.0, "at": NAIVE}]]), ['[{"likes":4,"at":"2024-05-06 01:02:03.500000"}]']),
    (pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int64())), ['{"k":1}']),
    (pa.array([timedelta(seconds=1)], pa.duration("s")), ["1"]),
    (pa.array([None], pa.null()), [None]),
]  # fmt: skip


@pytest.mark.parametrize(("array", "texts"), TEXTS, ids=[str(case[0].type) for case in TEXTS])
def test_a_value_is_text_by_its_type(array: pa.Array, texts: list[str | None]) -> None:
    assert text_of(array).to_pylist() == texts


def test_plain_types_stay_as_delivered(tmp_path: Path) -> None:
    table = pa.table({"account_id": ["anna"], "followers": [1.0], "at": [NAIVE], "tags": [["a"]]})
    (opened,) = delivered(tmp_path / "a.parquet", parquet(table))
    assert (opened.plain_format, opened.n_records, opened.layout.container) == ("parquet", 1, "parquet")
    assert cells_of(opened) == [
        {"account_id": "anna", "followers": "1", "at": "2024-05-06 01:02:03.5", "tags": '["a"]'}
    ]


NOT_PLAIN = [
    ("struct", pa.table({"stats": [{"likes": 1}]})),
    ("binary", pa.table({"id": [b"a"]})),
    ("decimal", pa.table({"id": [Decimal("1.0")]})),
    ("map", pa.table({"id": pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int64()))})),
    ("case", pa.table({"likes": [1], "Likes": [1]})),
    ("index", pa.table({"id": [1], "__index_level_0__": [0]})),
    ("no name", pa.table({"": [1], "id": [1]})),
]


@pytest.mark.parametrize("table", [case[1] for case in NOT_PLAIN], ids=[case[0] for case in NOT_PLAIN])
def test_what_the_engine_would_read_otherwise_is_not_plain(tmp_path: Path, table: pa.Table) -> None:
    (opened,) = delivered(tmp_path / "a.parquet", parquet(table))
    assert opened.plain_format is None


def test_nested_fields_become_paths(tmp_path: Path) -> None:
    users = pa.array([{"user": {"id": "7", "likes": 1}, "tags": ["a"]}, None])
    (opened,) = delivered(tmp_path / "a.parquet", parquet(pa.table({"info": users, "n": [1, 2]})))
    assert opened.header == ("info.user.id", "info.user.likes", "info.tags", "n")
    assert [record.cells for record in opened.records()] == [("7", "1", '["a"]', "1"), (None, None, None, "2")]


def test_numbers_of_rows_that_pandas_writes_are_no_column_but_a_named_index_is(tmp_path: Path) -> None:
    frame = pd.DataFrame({"followers": [1, 2]}, index=[5, 7])
    (numbered,) = delivered(tmp_path / "a.parquet", parquet(pa.Table.from_pandas(frame)))
    (named,) = delivered(tmp_path / "b.parquet", parquet(pa.Table.from_pandas(frame.rename_axis("id"))))
    assert (numbered.header, named.header) == (("followers",), ("followers", "id"))


def test_names_that_differ_by_case_are_merged_or_named(tmp_path: Path) -> None:
    (merged,) = delivered(tmp_path / "a.parquet", parquet(pa.table({"likes": [1, None], "Likes": [1, 2]})))
    (named,) = delivered(tmp_path / "b.parquet", parquet(pa.table({"likes": [1], "Likes": [2]})))
    assert (merged.header, cells_of(merged)) == (("likes",), [{"likes": "1"}, {"likes": "2"}])
    assert named.conflicts == ("likes", "Likes")


def test_columns_with_exactly_one_name_are_merged_or_named(tmp_path: Path) -> None:
    def twice(*columns: list[int | None]) -> bytes:
        return parquet(pa.Table.from_arrays([pa.array(column) for column in columns], names=["likes", "likes"]))

    (merged,) = delivered(tmp_path / "a.parquet", twice([1, None], [1, 2]))
    (named,) = delivered(tmp_path / "b.parquet", twice([1, 1], [1, 2]))
    assert (merged.header, cells_of(merged)) == (("likes",), [{"likes": "1"}, {"likes": "2"}])
    assert named.conflicts == ("likes", "likes (2)")


def _damaged(content: bytes, place: int) -> bytes:
    return content[:place] + b"\xff" * 40 + content[place + 40 :]


GOOD = parquet(
    pa.table({"id": [f"account {number}" for number in range(5_000)]}), row_group_size=1_000, write_page_checksum=True
)
DAMAGED = [
    ("empty rest", b"PAR1"),
    ("no foot", GOOD[:-20]),
    ("first page", _damaged(GOOD, 10)),
    ("last page", _damaged(GOOD, GOOD.rindex(b"account 4999") - 200)),
    ("foot", GOOD[:-200] + b"\xff" * 150 + GOOD[-50:]),
]


@pytest.mark.parametrize("content", [case[1] for case in DAMAGED], ids=[case[0] for case in DAMAGED])
@pytest.mark.parametrize("is_small", [True, False])
def test_a_broken_page_anywhere_is_found(
    tmp_path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch, is_small: bool
) -> None:
    monkeypatch.setattr(parquet_records, "_SMALL_BYTES", 2**40 if is_small else 0)
    with pytest.raises(UnreadableFileError, match=r"^a[.]parquet: ") as caught:
        delivered(tmp_path / "a.parquet", content)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("is_small", [True, False])
def test_a_text_that_is_not_utf8_keeps_its_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_small: bool
) -> None:
    monkeypatch.setattr(parquet_records, "_SMALL_BYTES", 2**40 if is_small else 0)
    content = parquet(pa.table({"id": ["anna", "bexn"]})).replace(b"bexn", b"be\xffn")
    (opened,) = delivered(tmp_path / "a.parquet", content)
    assert (cells_of(opened), opened.plain_format) == ([{"id": "anna"}, {"id": "be\ufffdn"}], None)


def test_one_long_text_for_many_rows_counts_each_time(tmp_path: Path) -> None:
    """Less than 100,000 rows and 20 kB, but 90 MB of values."""
    content = parquet(pa.table({"biography": ["x" * 30_000] * 3_000}), compression="zstd")
    assert len(content) < 20_000
    with pytest.raises(UnreadableFileError, match="expands to more than its size allows"):
        delivered(tmp_path / "a.parquet", content, largest_bytes=50_000_000)
    with pytest.raises(TooLargeError):
        read_all(io.BytesIO(content), largest_bytes=50_000_000)
    assert read_all(io.BytesIO(content), largest_bytes=200_000_000)


def test_a_dictionary_counts_as_often_as_it_is_used() -> None:
    content = parquet(pa.table({"biography": pa.array(["x" * 30_000] * 3_000).dictionary_encode()}))
    with pytest.raises(TooLargeError):
        read_all(io.BytesIO(content), largest_bytes=50_000_000)


@pytest.mark.slow
def test_a_page_that_needs_too_much_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = parquet(pa.table({"biography": ["x" * 2_000_000] * 400}), compression="zstd", use_dictionary=False)
    monkeypatch.setattr(worker, "MEMORY_BYTES", 600 * 2**20)
    with pytest.raises(UnreadableFileError, match="expands to more than its size allows"):
        delivered(tmp_path / "a.parquet", content)


def test_a_file_of_many_columns_is_refused(tmp_path: Path) -> None:
    content = parquet(pa.table({f"c{number}": [1] for number in range(10_001)}))
    with pytest.raises(UnreadableFileError, match="10001 columns, expected at most 10000"):
        delivered(tmp_path / "a.parquet", content)


@pytest.mark.parametrize(
    "values",
    [
        pa.array(["short", "x" * 17 * 2**20] + ["short"] * 500),
        pa.array(["x" * 17 * 2**20] * 3),
        pa.array([["x" * 2**20] * 17] + [["short"]] * 500),
        pa.array([{"a": "x" * 17 * 2**20}] + [{"a": "short"}] * 500),
        pa.array(["short", "x" * 17 * 2**20] + ["short"] * 500).dictionary_encode(),
    ],
    ids=["one", "average", "list", "struct", "dictionary"],
)
@pytest.mark.parametrize("codec", ["snappy", "none"])
def test_one_enormous_record_is_refused_in_one_line(tmp_path: Path, values: pa.Array, codec: str) -> None:
    table = pa.table({"id": list(range(len(values))), "biography": values})
    with pytest.raises(UnreadableFileError, match="a record is longer than 16 MB; leave out the columns"):
        delivered(tmp_path / "a.parquet", parquet(table, compression=codec))


def test_many_long_records_are_no_long_record(tmp_path: Path) -> None:
    table = pa.table({"id": list(range(40)), "biography": ["x" * 2**20] * 40})
    (opened,) = delivered(tmp_path / "a.parquet", parquet(table))
    assert opened.n_records == 40
