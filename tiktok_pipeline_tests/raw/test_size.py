"""A file that is too large once unpacked is refused before anything reads it; how far it was unpacked is bounded."""

from __future__ import annotations

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tiktok_pipeline.raw.size import check_size
from tiktok_pipeline.warehouse.base import UnreadableFileError

MEGABYTE = 1_000_000


def stored(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def assert_holds(path: Path, size: int) -> None:
    """The file is taken where exactly so many bytes are allowed, and refused where one less is."""
    check_size(path, name="told.as", largest_bytes=size)
    with pytest.raises(UnreadableFileError, match=r"^told[.]as: larger than the limit of .* GB when decompressed"):
        check_size(path, name="told.as", largest_bytes=size - 1)


def test_a_plain_file_is_as_large_as_it_is(tmp_path: Path) -> None:
    assert_holds(stored(tmp_path / "a.csv", b"x" * 1000), 1000)
    check_size(stored(tmp_path / "empty.csv", b""), name="empty.csv", largest_bytes=0)


def test_the_refusal_says_the_limit_and_how_to_raise_it(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError) as caught:
        check_size(stored(tmp_path / "x.csv", b"x" * 2_500_001), name="as delivered.csv", largest_bytes=2_500_000)
    assert str(caught.value) == (
        "as delivered.csv: larger than the limit of 0.0025 GB when decompressed; "
        "raise TIKTOK_PIPELINE_LARGEST_FILE if the file is correct"
    )


@pytest.mark.parametrize("ending", ["csv", "json", "ndjson"])
def test_a_gzip_file_is_as_large_as_its_content(tmp_path: Path, ending: str) -> None:
    assert_holds(stored(tmp_path / f"a.{ending}.gz", gzip.compress(bytes(3 * MEGABYTE))), 3 * MEGABYTE)


def test_every_part_of_a_gzip_file_counts(tmp_path: Path) -> None:
    parts = gzip.compress(bytes(2 * MEGABYTE)) + gzip.compress(b"x" * 5) + gzip.compress(bytes(MEGABYTE))
    assert_holds(stored(tmp_path / "a.csv.gz", parts), 3 * MEGABYTE + 5)


def test_what_a_gzip_file_says_of_its_size_is_not_believed(tmp_path: Path) -> None:
    content = gzip.compress(bytes(5 * MEGABYTE))
    lying = content[:-4] + (10).to_bytes(4, "little")
    with pytest.raises(UnreadableFileError, match="larger than the limit"):
        check_size(stored(tmp_path / "a.csv.gz", lying), name="a.csv.gz", largest_bytes=MEGABYTE)


def test_a_bomb_is_unpacked_to_the_limit_and_no_further(tmp_path: Path) -> None:
    """What comes behind the limit is broken, and nobody saw it."""
    bomb = gzip.compress(bytes(100 * MEGABYTE))
    assert len(bomb) < MEGABYTE
    path = stored(tmp_path / "a.csv.gz", bomb[: len(bomb) // 2])
    with pytest.raises(UnreadableFileError, match="larger than the limit"):
        check_size(path, name="a.csv.gz", largest_bytes=10 * MEGABYTE)
    with pytest.raises(UnreadableFileError, match="truncated"):
        check_size(path, name="a.csv.gz", largest_bytes=90 * MEGABYTE)


def _flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :]


@pytest.mark.parametrize("damage", ["cut", "no gzip", "blocks", "check sum", "rubbish behind"])
def test_a_broken_gzip_file_is_named_with_advice(tmp_path: Path, damage: str) -> None:
    good = gzip.compress("".join(f"{number},row\n" for number in range(5000)).encode())
    content = {
        "cut": good[: len(good) // 2],
        "no gzip": b"account_id,followers\n",
        "blocks": good[:20] + b"\xff" * 50 + good[70:],
        "check sum": _flipped(good, len(good) - 8),
        "rubbish behind": good + b"rubbish",
    }[damage]
    with pytest.raises(UnreadableFileError) as caught:
        check_size(stored(tmp_path / "a.csv.gz", content), name="x.csv.gz", largest_bytes=MEGABYTE)
    assert str(caught.value) == "x.csv.gz: the gzip stream is truncated or no gzip at all; copy the file again"


def test_an_empty_gzip_file_is_small(tmp_path: Path) -> None:
    check_size(stored(tmp_path / "a.csv.gz", b""), name="a.csv.gz", largest_bytes=0)
    check_size(stored(tmp_path / "b.csv.gz", gzip.compress(b"")), name="b.csv.gz", largest_bytes=0)


def test_a_parquet_file_is_as_large_as_it_says_over_all_its_parts(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    rows = pa.table({"biography": [f"{number:04d}" + "x" * 996 for number in range(2000)]})
    pq.write_table(rows, path, compression="zstd", use_dictionary=False, row_group_size=500)
    assert path.stat().st_size < 200_000
    check_size(path, name="a.parquet", largest_bytes=3 * MEGABYTE)
    for limit in (600_000, 1_900_000):  # more than one of the four parts holds; less than all of them
        with pytest.raises(UnreadableFileError, match=r"^a[.]parquet: larger than the limit of .* GB"):
            check_size(path, name="a.parquet", largest_bytes=limit)


@pytest.mark.parametrize("damage", ["empty", "text", "cut", "foot"])
def test_a_broken_parquet_file_is_named_with_advice(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"a": list(range(1000))}), path)
    good = path.read_bytes()
    foot = int.from_bytes(good[-8:-4], "little")
    content = {
        "empty": b"",
        "text": b"account_id\n" * 10,
        "cut": good[:-20],
        "foot": good[: -8 - foot] + b"\xff" * foot + good[-8:],
    }
    with pytest.raises(UnreadableFileError) as caught:
        check_size(stored(path, content[damage]), name="x.parquet", largest_bytes=MEGABYTE)
    assert str(caught.value) == "x.parquet: this is no readable Parquet file; write or copy it again"
