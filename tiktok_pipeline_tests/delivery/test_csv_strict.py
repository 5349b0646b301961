"""The check over the bytes of a CSV file: what it calls strict, every reader splits alike."""

from __future__ import annotations

import codecs
import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiktok_pipeline.delivery import csv_strict
from tiktok_pipeline.delivery.csv_strict import scan_strict
from tiktok_pipeline.privacy.text_records import csv_pieces

STRICT = {
    "plain": "a,b\n1,2\n",
    "no last line end": "a,b\n1,2",
    "carriage returns": "a,b\r1,2\r",
    "pairs": "a,b\r\n1,2\r\n",
    "pairs, no last line end": "a,b\r\n1,2",
    "blank lines": "a,b\n\n1,2\n\n",
    "quoted": '"a","b"\n"1,1","2 ""x"""\n"",""\n',
    "lines in quotes": 'a,b\n1,"x\ny\r\nz\rw"\n',
    "lines in the first cell": 'a,b\n"x\ny",1\n',
    "characters": "a,b\né,🎬\n",
}
NOT_STRICT = {
    "empty": "",
    "text after a quote": 'a,b\n"1"x,2\n',
    "text before a quote": 'a,b\n1,x"y"\n',
    "two quotes in an unquoted cell": 'a,b\n1,x""\n',
    "a quoted text that starts in the line above": 'a,b\n1,x"y\nz",2\n',
    "a blank before a quote": 'a,b\n1, "y"\n',
    "an open quote": 'a,b\n1,"2\n',
    "mixed line ends": "a,b\n1,2\r\n",
    "a lone carriage return": "a,b\r\n1,2\r3,4\r\n",
    "a short row": "a,b\n1\n",
    "a long row": "a,b\n1,2,3\n",
    "a row of blanks": "a,b\n  \n1,2\n",
    "a row without text": "a,b\n,\n1,2\n",
    "a row inside of quotes": 'a,b,c\n1,"x,y\n3,4,5\nz",2\n',
    "rows between two quotes": 'a,b,c\n1,"x,2\n3,y",4\n',
    "stray quotes beside those of two cells": 'a,b,c,d\n1,"x\ny"",2,3\n4,""z\nw",5,6\n',
    "a zero byte": "a,b\n1,\x00\n",
    "the text of a missing cell": "a,b\n1,\x02\x1f\x03\n",
}


def scan(content: bytes, delimiter: str = ",") -> csv_strict.StrictScan:
    return scan_strict(io.BytesIO(content), delimiter)


@pytest.mark.parametrize("text", STRICT.values(), ids=list(STRICT))
@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8], ids=["bare", "marked"])
def test_a_strict_text_is_counted(text: str, mark: bytes) -> None:
    result = scan(mark + text.encode())
    assert (result.is_strict, result.is_utf8, result.width) == (True, True, 2)
    assert result.n_records == sum(bool(record) for record in csv.reader(io.StringIO(text, newline="")))


@pytest.mark.parametrize("text", NOT_STRICT.values(), ids=list(NOT_STRICT))
def test_a_text_that_could_be_split_in_two_ways_is_not_strict(text: str) -> None:
    assert not scan(text.encode()).is_strict


@pytest.mark.parametrize("bad", [b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf4\x90\x80\x80"])
def test_a_text_that_is_not_utf_8_is_not_strict(bad: bytes) -> None:
    result = scan(b"a,b\n1," + bad + b"\n")
    assert (result.is_utf8, result.is_strict) == (False, False)


def test_an_endless_record_is_not_strict() -> None:
    assert not scan(b'a,b\n1,"' + b"x" * 3_000_000).is_strict


TEXTS = st.text(st.sampled_from('ab,"\n\r'), max_size=40).map(lambda text: f"h,i\n{text}")
ROWS = st.lists(st.lists(st.text(st.sampled_from('ab,"\n\r'), max_size=6), min_size=2, max_size=2), max_size=8)


@given(text=TEXTS)
def test_what_is_strict_is_read_alike_by_other_readers(text: str) -> None:
    result = scan(text.encode())
    if result.is_strict:
        records = [record for record in csv.reader(io.StringIO(text, newline=""), strict=True) if record]
        assert {len(record) for record in records} == {result.width}
        assert result.n_records == len(records)
        pieces = sum(piece.is_record for piece in csv_pieces(io.StringIO(text, newline=""), ","))
        assert pieces == len(records) - 1


@given(rows=ROWS, end=st.sampled_from(["\n", "\r\n"]), size=st.integers(1, 30))
def test_blocks_do_not_change_the_result(rows: list[list[str]], end: str, size: int) -> None:
    written = io.StringIO(newline="")
    csv.writer(written, lineterminator=end).writerows([["h", "i"], *rows])
    content = written.getvalue().encode()
    whole = scan(content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_strict, "_BLOCK_BYTES", size)
        result = scan(content)
    assert result.is_strict == whole.is_strict
    assert result == whole or not whole.is_strict  # the place of the first violation depends on the blocks


@given(rows=ROWS)
def test_what_a_writer_quotes_is_strict_unless_a_cell_holds_rows(rows: list[list[str]]) -> None:
    filled = [["x", cell.replace(",", ""), second] for cell, second in rows]
    written = io.StringIO(newline="")
    csv.writer(written, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows([["h", "i", "j"], *filled])
    holds_row = any(line.count(",") for _, _, cell in filled for line in cell.splitlines())
    holds_row |= any('",' in cell or ',"' in cell for _, _, cell in filled)
    assert scan(written.getvalue().encode()).is_strict or holds_row
