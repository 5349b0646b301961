"""Scanning CSV files: every record in its place, bad ones marked, none lost."""

from __future__ import annotations

from functools import partial
from gzip import compress
from pathlib import Path
from typing import Any

import narwhals as nw
import pytest

from tiktok_pipeline.warehouse.base import UnreadableFileError, Warehouse
from tiktok_pipeline_tests.warehouse.tables import rows_of

packed = partial(compress, mtime=0)
HEAD = b"name,likes,note\n"
GOOD = HEAD + b"a,1,x\nb,2,y\n"
AB = [(1, None, "a", "1", "x"), (2, None, "b", "2", "y")]
MORE = "ragged: more than 3 cells"
FEWER = "ragged: fewer than 3 cells"

Rows = list[tuple[Any, ...]]


def scanned(engine: Warehouse, path: Path, content: bytes) -> Rows:
    """Write a file, scan it, and return its records as tuples; counting them alone gives the same number."""
    path.write_bytes(content)
    with engine.reading(path):
        rows = engine.scan(path, "csv").rows
        records = rows_of(rows.sort("source_row"))
        assert rows.select(nw.len()).collect("pyarrow").item() == len(records)
    return [tuple(record.values()) for record in records]


RECORDS = [
    ("plain.csv", GOOD, AB),
    ("gz.csv.gz", packed(GOOD), AB),
    ("two members.csv.gz", packed(HEAD + b"a,1,x\n") + packed(b"b,2,y\n"), AB),
    ("no last line end.csv", GOOD.rstrip(), AB),
    ("crlf.csv", GOOD.replace(b"\n", b"\r\n"), AB),
    ("cr.csv", GOOD.replace(b"\n", b"\r"), AB),
    ("mixed line ends.csv", HEAD + b"a,1,x\r\nb,2,y\n", AB),
    ("bom.csv", b"\xef\xbb\xbf" + GOOD, AB),
    ("bom and quotes.csv", b'\xef\xbb\xbf"name","likes","note"\n"a","1","x"\n"b","2","y"\n', AB),
    ("semicolon.csv", GOOD.replace(b",", b";"), AB),
    ("tab.csv", GOOD.replace(b",", b"\t"), AB),
    ("blank lines.csv", HEAD + b"\na,1,x\n\n\nb,2,y\n\n", AB),
    ("spaces in header.csv", b" name , likes,note \n" + GOOD[len(HEAD) :], AB),
    ("short.csv", HEAD + b"a,1,x\nshort\nb,2,y\n", [AB[0], (2, FEWER, "short", None, None), (3, *AB[1][1:])]),
    ("long.csv", HEAD + b"a,1,x\nl,2,y,4,5\nb,2,y\n", [AB[0], (2, MORE, "l", "2", "y"), (3, *AB[1][1:])]),
    ("header again.csv", GOOD + HEAD, [*AB, (3, None, "name", "likes", "note")]),
    ("empty cells.csv", HEAD + b',,\n"","",""\n', [(1, None, "", "", ""), (2, None, "", "", "")]),
    ("null words.csv", HEAD + b"null,NULL,NaN\n", [(1, None, "null", "NULL", "NaN")]),
    (
        "many lines.csv",
        HEAD + b'a,1,"one\ntwo, ""three""\r\n\n four"\nb,2,y\n',
        [(1, None, "a", "1", 'one\ntwo, "three"\r\n\n four'), AB[1]],
    ),
    ("nul.csv", GOOD + b"n\x00,3,\x00\n", [*AB, (3, None, "n\x00", "3", "\x00")]),
    (
        "stray quotes.csv",
        HEAD + b'a,1,say "hi" x\nb,2,5" wide\n',
        [(1, None, "a", "1", 'say "hi" x'), (2, None, "b", "2", '5" wide')],
    ),
    ("pair of quotes.csv", HEAD + b'"a","1","say "hi" x"\nb,2,y\n', [(1, None, "a", "1", "say hi x"), AB[1]]),
    (
        "long digits.csv",
        HEAD + b"1e5,00012345678901234567890, 1 \n",
        [(1, None, "1e5", "00012345678901234567890", " 1 ")],
    ),
    ("scripts.csv", HEAD + "é,مرحبا,🎉\n".encode(), [(1, None, "é", "مرحبا", "🎉")]),
    ("header only.csv", HEAD, []),
    ("header without line end.csv", HEAD.rstrip(), []),
]


@pytest.mark.parametrize(("name", "content", "expected"), RECORDS, ids=[case[0] for case in RECORDS])
def test_every_record_keeps_its_place(
    engine: Warehouse, tmp_path: Path, name: str, content: bytes, expected: Rows
) -> None:
    assert scanned(engine, tmp_path / name, content) == expected


def test_hostile_column_names_are_only_text(engine: Warehouse, tmp_path: Path) -> None:
    path = tmp_path / 'it\'s "a"; drop table x.csv'
    names = (
        '"; drop table x',
        "source_row",
        "SOURCE_ROW",
        "a",
        "a",
        "A",
        "cell_0",
        "",
        "read_problem",
        "two\nlines",
        "'",
    )
    cells = ",".join('"' + name.replace('"', '""') + '"' for name in names)
    path.write_text(cells + "\n" + ",".join(map(str, range(len(names)))) + "\n", encoding="utf-8", newline="")
    scan = engine.scan(path, "csv")
    assert scan.header == names
    assert list(rows_of(scan.rows)[0].values()) == [1, None, *map(str, range(len(names)))]


def test_rows_keep_their_order_in_a_large_file(engine: Warehouse, tmp_path: Path) -> None:
    lines = [f"u{place},{place},x" if place % 1000 else f"u{place},{place}" for place in range(1, 120_001)]
    rows = scanned(engine, tmp_path / "large.csv", HEAD + "\n".join(lines).encode())
    assert len(rows) == 120_000
    assert all(row[0] == int(row[3]) == int(row[2][1:]) for row in rows)
    assert [row[0] for row in rows if row[1]] == list(range(1000, 120_001, 1000))


def test_a_cell_of_50_mb_marks_its_row_only(engine: Warehouse, tmp_path: Path) -> None:
    rows = scanned(engine, tmp_path / "big.csv", HEAD + b'a,1,x\nbig,1,"' + b"x" * 50_000_000 + b'"\nb,2,y\n')
    assert [rows[0], (3, *AB[1][1:])] == [AB[0], rows[2]]
    assert rows[1][:3] == (2, "a cell of 50000000 bytes (at most 1000000)", "big")


UNREADABLE = [
    ("empty.csv", b"", "the file is empty; expected a header and rows"),
    ("empty.csv.gz", packed(b""), "the file is empty"),
    ("no bytes.csv.gz", b"", "the file is empty"),
    ("white.csv", b" \n\n \n", "the file is empty"),
    ("blank first.csv", b"\n" + GOOD, "the first line is blank; expected the header there"),
    ("json.csv", b'[{"a":"' + b"x" * 200_000 + b'"}]', "the first line is not a header"),
    ("cut.csv.gz", packed(GOOD * 20_000)[:-500], "the gzip stream is truncated or no gzip at all; copy"),
    ("cut early.csv.gz", packed(GOOD)[:-6], "the gzip stream is truncated"),
    ("no.csv.gz", GOOD, "the gzip stream is truncated or no gzip at all"),
    ("broken.csv.gz", packed(GOOD)[:10] + b"\x06" * 40, "the gzip stream is truncated"),
    ("more.csv.gz", packed(GOOD) + b"garbage", "the gzip stream is truncated"),
    ("latin.csv", HEAD + "a,1,café\n".encode("latin-1"), "the text is not UTF-8; save or convert it as UTF-8"),
    ("gzip json.csv", HEAD + b"a,1,gzip json\n" * 90_000 + b"gzip \xe9,1,json\n", "the text is not UTF-8"),
    ("utf16.csv", GOOD.decode().encode("utf-16"), "the text is not UTF-8"),
    ("utf16 without mark.csv", GOOD.decode().encode("utf-16-le"), "the text is not UTF-8"),
    ("bytes.csv", bytes(range(256)) * 10, "the text is not UTF-8"),
    ("open.csv", HEAD + b'a,1,x\nb,2,"open\nc,3,z\nd,4,z\n', "a quote in record 2 is not closed"),
    (
        "open in the middle.csv",
        b'"name","likes","note"\n"a,"1","x"\n"b","2","y"\n',
        "a quote in record 1 is not closed",
    ),
    ("backslash.csv", HEAD + b'a,1,"x \\" y"\nb,2,y\n', "a quote in record 1 is not closed"),
    ("cut in a cell.csv", HEAD + b'a,1,"x"\nb,2,"y and', "a quote in record 2 is not closed"),
    ("open header.csv", b'name,"likes,note\na,1,x\n', "a quote in record 0 is not closed"),
]


@pytest.mark.parametrize(("name", "content", "reason"), UNREADABLE, ids=[case[0] for case in UNREADABLE])
def test_the_error_of_an_unreadable_file_is_one_line(
    engine: Warehouse, tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    folder = tmp_path / "gzip json parquet"  # words of the path are not the reason
    folder.mkdir()
    with pytest.raises(UnreadableFileError) as caught:
        scanned(engine, folder / name, content)
    text = str(caught.value)
    assert text.startswith(f"{name}: {reason}")
    assert text.isprintable()


@pytest.mark.slow
def test_a_record_of_more_than_128_mb_makes_the_file_unreadable(engine: Warehouse, tmp_path: Path) -> None:
    with pytest.raises(
        UnreadableFileError, match=r"^huge[.]csv: a record is longer than 128 MB, .*repair that record$"
    ):
        scanned(engine, tmp_path / "huge.csv", HEAD + b'a,1,"' + b"x" * 140_000_000 + b'"\nb,2,y\n')
