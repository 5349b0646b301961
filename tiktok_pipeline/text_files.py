"""Read scraped text files: plain or gzipped, their encoding, their delimiter and their header.

Every reader of CSV and JSON text opens its files here, so that all of them split a file as the engine does.
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import gzip
import io
import re
import string
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

DELIMITERS = (",", ";", "\t")
"""The delimiters of CSV files. If two of them split a header into equally many cells, the first one wins."""

LONGEST_HEADER_CHARACTERS = 1_000_000
"""A longer header is cut here."""

LONGEST_RECORD_BYTES = 128 * 1024 * 1024
"""The engine's buffer for one record; a longer record makes the file unreadable."""

LONGEST_CELL_BYTES = 1_000_000
"""A longer cell makes its record unreadable. The longest genuine cell, a list of videos, has about 20 kB."""

NO_SUCH_TEXT = "\x02\x1f\x03"
"""A text that no file contains: the engine needs a delimiter and a spelling of NULL that match nothing."""

READ_ERRORS = (UnicodeDecodeError, EOFError, OSError, zlib.error, csv.Error)
"""What reading a damaged text file raises."""

_HEAD_CHARACTERS = 65_536
_INVISIBLE = re.compile("[\u200b-\u200f\u2060-\u2064\u202a-\u202e\xad\ufeff]")


@dataclass(frozen=True)
class CsvHeader:
    """The column names of a CSV file as the file spells them, and the delimiter between them."""

    names: tuple[str, ...]
    delimiter: str


def is_gzipped(path: Path) -> bool:
    """Return whether the file name ends in ``.gz``."""
    return path.suffix.lower() == ".gz"


def open_bytes(path: Path) -> IO[bytes]:
    """Open a plain or gzipped file for reading its unpacked bytes."""
    return cast("IO[bytes]", gzip.open(path, "rb")) if is_gzipped(path) else path.open("rb")


def open_text(path: Path) -> io.TextIOWrapper:
    """Open a plain or gzipped file as UTF-8 text, with or without a byte order mark; line ends are kept."""
    return io.TextIOWrapper(open_bytes(path), encoding="utf-8-sig", newline="")


def has_byte_order_mark(path: Path) -> bool:
    """Return whether the unpacked file starts with the UTF-8 byte order mark."""
    with open_bytes(path) as stream:
        return stream.read(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8


def read_head(text: io.TextIOBase) -> str:
    """Return the first 65,536 characters of a text, without leading white space."""
    return text.read(_HEAD_CHARACTERS).lstrip()


def first_record(text: io.TextIOBase) -> str:
    """Return the text up to the first line end outside quotes, at most about `LONGEST_HEADER_CHARACTERS`."""
    record = ""
    while len(record) < LONGEST_HEADER_CHARACTERS:
        line = text.readline(LONGEST_HEADER_CHARACTERS)
        record += line
        if not line or record.count('"') % 2 == 0:
            break
    return record


def column_name(cell: str) -> str:
    r"""Return a header cell without blanks, invisible characters and typographic quotes around it.

    Examples
    --------
    >>> column_name("\ufefffollowers\xa0"), column_name("\u201clikes\u201d"), column_name("avg\xa0views")
    ('followers', 'likes', 'avg views')
    """
    visible = _INVISIBLE.sub("", cell).replace("\xa0", " ").replace("\u202f", " ")
    return visible.strip(f"{string.whitespace}\u201c\u201d\u201e\u2018\u2019\xab\xbb")


def split_header(record: str) -> CsvHeader:
    r"""Split the first record of a CSV file at the delimiter that gives the most cells.

    Parameters
    ----------
    record : str
        The first record; see `first_record`.

    Returns
    -------
    CsvHeader
        ``names`` is empty if the record is blank or cannot be split with any delimiter.

    Examples
    --------
    >>> split_header("handle;followers;likes, total\n")
    CsvHeader(names=('handle', 'followers', 'likes, total'), delimiter=';')
    """
    if not record.strip():
        return CsvHeader((), DELIMITERS[0])
    cells = {delimiter: _split(record, delimiter) for delimiter in DELIMITERS}
    delimiter = max(DELIMITERS, key=lambda candidate: len(cells[candidate]))
    return CsvHeader(cells[delimiter], delimiter)


def read_header(path: Path) -> CsvHeader:
    """Return the header of a CSV file; raises one of `READ_ERRORS` if the file is damaged."""
    with open_text(path) as text:
        return split_header(first_record(text))


@contextlib.contextmanager
def long_cells() -> Iterator[None]:
    """Lift the csv module's limit of 128 kB for a cell inside the block; the limit belongs to the whole process."""
    limit = csv.field_size_limit(LONGEST_RECORD_BYTES)
    try:
        yield
    finally:
        csv.field_size_limit(limit)


def _split(record: str, delimiter: str) -> tuple[str, ...]:
    try:
        return tuple(next(csv.reader(io.StringIO(record, newline=""), delimiter=delimiter), ()))
    except csv.Error:
        return ()
