"""The line on which a record of a stored file starts: counted by hand, and compared with the engine."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from tiktok_pipeline.raw.lines import first_lines
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse

EVERY = range(1, 100)


@pytest.fixture
def stored(tmp_path: Path) -> Callable[[str, str], Path]:
    """Return a function that writes a file, gzipped if its name ends in .gz, with the given line ends."""

    def write(name: str, text: str) -> Path:
        content = text.encode("utf-8")
        path = tmp_path / name
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        return path

    return write


Stored = Callable[[str, str], Path]

MULTI_LINE = (
    "handle,bio\n"  # 1, the header
    "a,plain\n"  # 2
    'b,"two\n'  # 3
    'lines"\n'
    'c,"a ""quote"",\n'  # 5
    "\n"
    "\n"
    'and more"\n'
    "\n"  # 9, blank: no record
    "d,\n"  # 10
    "  \n"  # 11, spaces: a record, a ragged one
    '"e\n'  # 12
    '",x\n'
    "f,last"  # 14
)


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "A.CSV.GZ"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_cells_of_many_lines_and_blank_lines_are_counted(stored: Stored, name: str, end: str, mark: str) -> None:
    if name == "A.CSV.GZ":
        path = stored("a.csv.gz", mark + MULTI_LINE.replace("\n", end))
        path = path.rename(path.with_name(name))
    else:
        path = stored(name, mark + MULTI_LINE.replace("\n", end))
    assert first_lines(path, EVERY) == {1: 2, 2: 3, 3: 5, 4: 10, 5: 11, 6: 12, 7: 14}


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_delimiter_is_that_of_the_header(stored: Stored, delimiter: str) -> None:
    """With another delimiter the quote would not open a cell, and the record would end with its first line."""
    text = 'handle|bio\na|"x,;\ny"\nb|z\n'.replace("|", delimiter)
    assert first_lines(stored("a.csv", text), EVERY) == {1: 2, 2: 4}


def test_a_header_of_two_lines_is_one_header(stored: Stored) -> None:
    assert first_lines(stored("a.csv", 'handle,"bio\ntext"\na,b\n'), [1]) == {1: 3}


def test_a_lone_carriage_return_in_a_cell_is_no_line(stored: Stored) -> None:
    assert first_lines(stored("a.csv", 'handle,bio\na,"x\ry"\nb,z\n'), EVERY) == {1: 2, 2: 3}


@pytest.mark.parametrize("name", ["a.ndjson", "a.jsonl", "a.ndjson.gz", "a.jsonl.gz", "a.json", "a.json.gz"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_blank_lines_between_objects_are_not_counted(stored: Stored, name: str, end: str) -> None:
    text = '\n{"a":"1"}\n\n   \n{"a":"x\u2028y"}\nbroken\n\n{"a":"3"}'
    assert first_lines(stored(name, text.replace("\n", end)), EVERY) == {1: 2, 2: 5, 3: 6, 4: 8}


@pytest.mark.parametrize("name", ["a.json", "a.ndjson", "a.json.gz"])
def test_an_array_has_no_lines(stored: Stored, name: str) -> None:
    assert first_lines(stored(name, ' \n[{"a":1},\n{"a":2}]\n'), EVERY) == {}


def test_only_the_requested_rows_are_returned(stored: Stored) -> None:
    path = stored("a.csv", MULTI_LINE)
    assert first_lines(path, [6, 2]) == {2: 3, 6: 12}
    assert first_lines(path, {3, 900, 0, -1}) == {3: 5}
    assert first_lines(path, []) == {}


def test_an_unreadable_file_has_no_lines(stored: Stored, tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "latin.csv").write_bytes("a,b\né,x\n".encode("latin-1"))
    packed = gzip.compress(MULTI_LINE.encode())
    (tmp_path / "cut.csv.gz").write_bytes(packed[:-12])
    (tmp_path / "none.csv.gz").write_bytes(b"no gzip at all")
    for name in ("gone.csv", "gone.csv.gz", "gone.ndjson", "folder.csv", "latin.csv", "cut.csv.gz", "none.csv.gz"):
        assert first_lines(tmp_path / name, EVERY) == {}, name
    for name in ("a.parquet", "a.txt"):
        assert first_lines(stored(name, "a,b\n1,2\n"), EVERY) == {}, name
    assert first_lines(stored("empty.csv", ""), EVERY) == {}
    assert first_lines(stored("empty.ndjson", ""), EVERY) == {}


def test_long_cells_are_read_and_the_limit_of_the_process_is_restored(stored: Stored) -> None:
    before = csv.field_size_limit()
    path = stored("a.csv", f'handle,bio\na,"{"x" * (before + 1)}\n"\nb,y\n')
    assert first_lines(path, [2]) == {2: 4}
    assert first_lines(path.with_name("gone.csv"), [2]) == {}
    assert csv.field_size_limit() == before


def test_a_file_is_read_no_further_than_needed(stored: Stored) -> None:
    path = stored("a.csv", "handle,bio\na,b\n" + "c,d\n" * 100_000)
    path.write_bytes(path.read_bytes() + b"\xff\n")
    assert first_lines(path, [1]) == {1: 2}
    assert first_lines(path, [100_002]) == {}


@pytest.mark.parametrize(
    "text",
    [
        MULTI_LINE.replace("a,plain", "a,plain\na,b,c\na,{x}"),
        'handle,bio\na,{x} "in" it\nb,"y" \nc, "after\na space"\nd,e\n',
        'handle,bio\r\na,"{x}\n1"\r\n\r\nb,2\n\nc,"3\r4"\r\n',
        'handle;bio\n"";""\n;\n\na;"{x}\n\n"\nb;c\n',
    ],
)
def test_the_engine_counts_the_same_records(stored: Stored, engine: DuckDBWarehouse, text: str) -> None:
    """The line of each record starts with the first cell that the engine reads."""
    path = stored("a.csv", text)
    read = engine.scan(path, "csv").rows.select("source_row", "cell_0").collect("pyarrow").rows()
    starts = first_lines(path, EVERY)
    assert sorted(starts) == sorted(number for number, _ in read)
    lines = path.read_bytes().decode().split("\n")
    for number, cell in read:
        first = lines[starts[number] - 1].lstrip('"')
        assert first.startswith(cell.partition("\n")[0]), number
