"""The one reader of text files: compression, byte order mark, line ends, header and delimiter."""

from __future__ import annotations

import csv
import gzip
import io
from pathlib import Path

import pytest

from tiktok_pipeline.text_files import (
    LONGEST_HEADER_CHARACTERS,
    READ_ERRORS,
    CsvHeader,
    first_record,
    has_byte_order_mark,
    is_gzipped,
    long_cells,
    open_text,
    read_head,
    read_header,
    split_header,
)

TEXT = "handle,bio\r\na,é\n"


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "A.CSV.GZ"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_open_text_reads_plain_and_gzipped_files_without_the_mark(tmp_path: Path, name: str, mark: bytes) -> None:
    content = mark + TEXT.encode()
    path = tmp_path / name
    path.write_bytes(gzip.compress(content) if is_gzipped(path) else content)
    with open_text(path) as text:
        assert text.read() == TEXT
    assert has_byte_order_mark(path) == bool(mark)
    assert read_header(path) == CsvHeader(("handle", "bio"), ",")


@pytest.mark.parametrize(
    ("text", "record"),
    [
        ("a,b\nc,d\n", "a,b\n"),
        ("a,b\r\nc,d", "a,b\r\n"),
        ("a,b\rc,d", "a,b\r"),
        ('a,"b\nc"\nd,e\n', 'a,"b\nc"\n'),
        ('a,"b\nnever closed\n', 'a,"b\nnever closed\n'),
        ("no line end", "no line end"),
        ("\na,b\n", "\n"),
        ("", ""),
    ],
)
def test_first_record_ends_at_the_first_line_end_outside_quotes(text: str, record: str) -> None:
    assert first_record(io.StringIO(text, newline="")) == record


def test_first_record_of_a_file_without_line_ends_is_cut() -> None:
    assert len(first_record(io.StringIO('"' + "x" * 3 * LONGEST_HEADER_CHARACTERS))) == LONGEST_HEADER_CHARACTERS


@pytest.mark.parametrize(
    ("record", "names", "delimiter"),
    [
        ("a,b\n", ("a", "b"), ","),
        ("a;b, c;d\n", ("a", "b, c", "d"), ";"),
        ("a\tb\r\n", ("a", "b"), "\t"),
        ("a,b;c\n", ("a", "b;c"), ","),
        ("alone", ("alone",), ","),
        ('"a;b",c', ("a;b", "c"), ","),
        (" \t\n", (), ","),
        ("", (), ","),
        ('"' + "x" * 200_000 + '"', (), ","),
    ],
)
def test_split_header_takes_the_delimiter_with_the_most_cells(
    record: str, names: tuple[str, ...], delimiter: str
) -> None:
    assert split_header(record) == CsvHeader(names, delimiter)


def test_read_head_skips_white_space() -> None:
    assert read_head(io.StringIO(' \n\t[{"a":1}]')) == '[{"a":1}]'


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("latin.csv", "é,b\n".encode("latin-1")),
        ("cut.csv.gz", gzip.compress(TEXT.encode())[:14]),
        ("plain.csv.gz", TEXT.encode()),
        ("missing.csv", None),
    ],
    ids=["latin-1", "cut gzip", "no gzip", "missing"],  # the bytes of a gzip file have the time
)
def test_a_damaged_file_raises_one_of_the_read_errors(tmp_path: Path, name: str, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(READ_ERRORS):
        read_header(tmp_path / name)


def test_long_cells_lifts_the_limit_of_the_csv_module_for_its_block_only() -> None:
    limit = csv.field_size_limit()
    cell = "x" * (limit + 1)
    with long_cells():
        assert next(csv.reader([cell])) == [cell]
    assert csv.field_size_limit() == limit
    with pytest.raises(csv.Error, match="field larger than field limit"):
        next(csv.reader([cell]))
