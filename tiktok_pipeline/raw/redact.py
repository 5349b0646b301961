"""The same file without what it says about some people: their records blanked in place, mentions of them replaced.

Every other record keeps its ordinal and its cells, because a record is counted here exactly as the engine counts it
(`tiktok_pipeline.warehouse.files`). Who is to be forgotten, and which records are theirs, is decided elsewhere; so is
what becomes of the file that was rewritten.
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import gzip
import io
import itertools
import json
import os
import re
import zlib
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from tiktok_pipeline.raw.snapshots import file_format

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

FORGOTTEN = "@[forgotten]"
"""What stands where someone was mentioned."""

LONGEST_RECORD = 128 * 1024 * 1024
"""The engine reads no longer record; one longer is refused here too, so that no file is taken into memory whole."""

_DELIMITERS = (",", ";", "\t")
_LONGEST_HEADER = 1_000_000
_HANDLE = re.compile(r"[A-Za-z0-9._]+")
# The letter of a JSON escape ("\n@anna") is no letter of a mail address.
_MENTION = re.compile(r"(?:(?<![A-Za-z0-9._])|(?<=\\[bfnrt])|(?<=\\u[0-9A-Fa-f]{4}))@([A-Za-z0-9._]+)")
# The engine splits a file of lines at this text, and looks at what stands before it only.
_NO_SUCH_TEXT = "\x02\x1f\x03"
_ENGINES_BLANKS = " \xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
_JSON_BLANKS = re.compile(r"[ \t\n\r\v\f]*")
_CODECS = {"UNCOMPRESSED": "none", **{name.upper(): name for name in ("snappy", "gzip", "brotli", "zstd", "lz4")}}

Change = Callable[[str], str]
Piece = tuple[str, bool]
"""A part of a text as it stands in the file, and whether it is a record."""


class RedactionError(ValueError):
    """A file cannot be written without someone; the text says why, and what to do."""


def redact(source: Path, target: Path, *, rows: Collection[int], mentions: Sequence[str] = ()) -> None:
    """Write ``source`` to ``target`` without the records ``rows`` and without mentions of ``mentions``.

    The records, counted from 1 as the engine counts ``source_row``, keep their place and lose their cells; "@handle"
    becomes `FORGOTTEN` in all others. The format is told by the name of ``source``. ``target`` is on disk when this
    returns, and is not there when it raises: `RedactionError`, or an `OSError` of the disk.
    """
    if target.exists() and target.samefile(source):
        raise RedactionError(f"{source.name}: a file cannot be rewritten onto itself; give another target")
    try:
        change = _replacing(source, mentions)
        rewrite = _rewriter(source)
        with target.open("wb") as written:
            count = rewrite(source, written, frozenset(rows), change)
            _check_rows(source, rows, count)
            written.flush()
            os.fsync(written.fileno())
    except BaseException as problem:
        target.unlink(missing_ok=True)
        if what := _fault_of_the_file(problem):
            raise RedactionError(f"{source.name}: {what}") from problem
        raise


def _rewriter(source: Path) -> Callable[[Path, BinaryIO, Collection[int], Change], int]:
    kind = file_format(source)
    if kind is None:
        msg = "the ending tells no format; expected .csv, .json, .ndjson or .jsonl (also with .gz), or .parquet"
        raise RedactionError(f"{source.name}: {msg}")
    return _redact_parquet if kind == "parquet" else _redact_text


def _check_rows(source: Path, rows: Collection[int], count: int) -> None:
    if absent := sorted(row for row in rows if not 1 <= row <= count):
        msg = f"there is no record {absent[0]}, the file has {count}; give numbers that stand in its source_row"
        raise RedactionError(f"{source.name}: {msg}")


def _fault_of_the_file(problem: BaseException) -> str | None:
    match problem:
        case UnicodeError():
            return "the text is not UTF-8; save or convert it as UTF-8"
        case EOFError() | zlib.error() | gzip.BadGzipFile():
            return "the gzip stream is truncated or no gzip at all; copy the file again"
        case json.JSONDecodeError() | RecursionError():
            return "this is no readable JSON (an array of objects, or one object a line); write or copy it again"
    return None


def _replacing(source: Path, mentions: Sequence[str]) -> Change:
    """What takes each mention out of a text."""
    forgotten = {handle.removeprefix("@").lower() for handle in mentions}
    for handle in sorted(forgotten):
        if not _HANDLE.fullmatch(handle):
            msg = f"{source.name}: {handle!r} is no handle; expected letters, digits, '.' and '_' only, such as anna.b_1"
            raise RedactionError(msg)

    def replaced(found: re.Match[str]) -> str:
        handle = found[1].lower()
        if handle in forgotten:
            return FORGOTTEN
        name = handle.rstrip(".")  # they end a sentence
        return FORGOTTEN + found[1][len(name) :] if name in forgotten else found[0]

    def change(text: str) -> str:
        return _MENTION.sub(replaced, text) if "@" in text else text

    return change if forgotten else str


# CSV and JSON: text, piece by piece.


def _redact_text(source: Path, written: BinaryIO, rows: Collection[int], change: Change) -> int:
    """Copy a text with its records blanked or changed; gives the number of records."""
    count = 0
    with _opened(source) as (text, marked), _text_writer(source, written, marked=marked) as out:
        pieces, blank = _records(source, text)
        for piece, is_record in pieces:
            count += is_record
            out.write((blank(piece) if count in rows else change(piece)) if is_record else piece)
    return count


def _records(source: Path, text: io.TextIOWrapper) -> tuple[Iterator[Piece], Change]:
    """The pieces of a text, and what stands in the place of a blanked one."""
    if file_format(source) == "csv":
        delimiter, cells = _csv_header(source)
        return _csv_pieces(source, text, delimiter), partial(_blank_csv, delimiter=delimiter, cells=cells)
    if _is_array(source):
        return _array_pieces(text.read()), lambda _: "{}"
    lines = _lines(source, text)
    pieces = ((line, bool(line.rstrip("\r\n").partition(_NO_SUCH_TEXT)[0].strip(_ENGINES_BLANKS))) for line in lines)
    return pieces, lambda record: "{}" + _line_end(record)


@contextlib.contextmanager
def _opened(source: Path) -> Iterator[tuple[io.TextIOWrapper, bool]]:
    """A plain or gzipped text with its line ends as they are, and whether a byte order mark stands before it."""
    opened = gzip.open(source) if source.suffix == ".gz" else source.open("rb")  # noqa: SIM115
    with opened as stream, io.TextIOWrapper(stream, encoding="utf-8-sig", newline="") as text:
        marked = stream.read(3) == codecs.BOM_UTF8
        stream.seek(0)
        yield text, marked


@contextlib.contextmanager
def _text_writer(source: Path, written: BinaryIO, *, marked: bool) -> Iterator[io.TextIOWrapper]:
    """A text into an open file, which stays open; packed, and with a byte order mark, where ``source`` is."""
    # Without a time and a name, so that the same content gives the same bytes.
    packed = partial(gzip.GzipFile, filename="", mode="wb", compresslevel=6, mtime=0)
    with packed(fileobj=written) if source.suffix == ".gz" else contextlib.nullcontext(written) as stream:
        text = io.TextIOWrapper(cast("BinaryIO", stream), encoding="utf-8-sig" if marked else "utf-8", newline="")
        try:
            yield text
        finally:
            text.detach()


def _lines(source: Path, text: io.TextIOBase) -> Iterator[str]:
    """The lines with their ends: a line feed, a carriage return, or both."""
    for line in iter(partial(text.readline, LONGEST_RECORD + 1), ""):
        _check_length(source, len(line))
        yield line


def _check_length(source: Path, length: int) -> None:
    if length > LONGEST_RECORD:
        msg = f"a record is longer than {LONGEST_RECORD // 2**20} MB, often an unclosed quote; mend that record"
        raise RedactionError(f"{source.name}: {msg}")


def _line_end(record: str) -> str:
    return "\r\n" if record.endswith("\r\n") else record[-1:] if record.endswith(("\r", "\n")) else ""


def _csv_header(source: Path) -> tuple[str, int]:
    """The delimiter, told as the engine's reader tells it, and the number of the header's cells."""
    head = ""
    with _opened(source) as (text, _):
        while len(head) < _LONGEST_HEADER:
            line = text.readline(_LONGEST_HEADER)
            head += line
            if not line or head.count('"') % 2 == 0:
                break
    counts = dict.fromkeys(_DELIMITERS, 0)
    for delimiter in _DELIMITERS:
        with contextlib.suppress(csv.Error, StopIteration):
            counts[delimiter] = len(next(csv.reader(io.StringIO(head, newline=""), delimiter=delimiter)))
    delimiter = max(_DELIMITERS, key=counts.__getitem__)
    if not head.strip() or not counts[delimiter]:
        raise RedactionError(f"{source.name}: the first line is no header; expected the names of the columns")
    return delimiter, counts[delimiter]


def _csv_pieces(source: Path, text: io.TextIOBase, delimiter: str) -> Iterator[Piece]:
    """The header and the records; a line without any character is none.

    The engine's own rules, which are not those of the csv module: a quote opens a cell also after one space, and
    what follows a closing quote is dropped until the cell ends, or another quote opens it again.
    """
    opening = re.compile(rf'(?:\A|{delimiter}) ?"')
    after_closing = re.compile(rf'[^"\r\n{delimiter}]*')

    def is_open_after(line: str, *, is_open: bool) -> bool:
        place = 0
        while True:
            if not is_open:
                found = opening.search(line, place)
                if not found:
                    return False
                place = found.end()
            closing = line.find('"', place)
            if closing < 0:
                return True
            rest = after_closing.match(line, closing + 1)
            place = rest.end() if rest else len(line)
            is_open = line[place : place + 1] == '"'
            place += is_open

    is_header, is_open, length = True, False, 0
    parts: list[str] = []
    for line in itertools.chain(_lines(source, text), [""]):
        parts.append(line)
        length += len(line)
        _check_length(source, length)
        is_open = is_open_after(line, is_open=is_open) if line else False
        if not is_open:
            record = "".join(parts)
            yield record, not is_header and bool(record.strip("\r\n"))
            is_header, length = False, 0
            parts.clear()


def _blank_csv(record: str, *, delimiter: str, cells: int) -> str:
    """A record of empty cells.

    A file with an even number of quotes passes as well-formed, whatever its records look like. So an odd number in
    one record leaves a quote behind, in a cell more than the header has: the others are judged as before.
    """
    empty = delimiter * (cells - 1)
    if record.count('"') % 2:
        empty += delimiter + '-"'
    elif cells == 1:
        empty = '""'  # a blank line would be no record
    return empty + _line_end(record)


def _is_array(source: Path) -> bool:
    """Whether a JSON file is an array; else it has one object a line."""
    with _opened(source) as (text, _):
        start = text.read(65_536).lstrip()[:1]
        if start == "{" and file_format(source) == "json":
            text.seek(0)
            json.loads(next(line for line in _lines(source, text) if line.strip()))
        elif start != "[" and file_format(source) == "json":
            raise json.JSONDecodeError("neither an array nor an object", start, 0)
    return start == "["


def _array_pieces(text: str) -> Iterator[Piece]:
    """The elements of the array and what stands between them."""
    # Digits stay text: the interpreter refuses to make a number of very many.
    decoder = json.JSONDecoder(parse_int=str, parse_float=str)
    place = _after_blanks(text, 0) + 1
    yield text[:place], False
    mark = ","
    while mark == ",":
        start = _after_blanks(text, place)
        _, end = decoder.raw_decode(text, start)
        yield text[place:start], False
        yield text[start:end], True
        place = _after_blanks(text, end) + 1
        mark = text[place - 1 : place]
        yield text[end:place], False
    if mark != "]" or text[place:].strip():
        raise json.JSONDecodeError("no end of the array", text, place)
    yield text[place:], False


def _after_blanks(text: str, place: int) -> int:
    found = _JSON_BLANKS.match(text, place)
    return found.end() if found else place


# Parquet: columns, one row group after the other.


def _redact_parquet(source: Path, written: BinaryIO, rows: Collection[int], change: Change) -> int:
    """Copy a table with its rows blanked or changed; gives the number of rows."""
    import pyarrow as pa  # noqa: PLC0415 - importing it costs a second
    import pyarrow.parquet as pq  # noqa: PLC0415

    before = 0
    try:
        # In microseconds, as the engine reads the old INT96 times; in nanoseconds they would end in the year 2262.
        table = pq.ParquetFile(source, coerce_int96_timestamp_unit="us")
        if any(table.schema.column(place).converted_type == "INTERVAL" for place in range(len(table.schema))):
            raise pa.ArrowNotImplementedError("an interval loses its type")
        schema = pa.schema(map(_plain, table.schema_arrow), metadata=table.schema_arrow.metadata)
        with pq.ParquetWriter(written, schema, compression=_compression(table)) as out:
            for number in range(table.num_row_groups):
                group = table.read_row_group(number)
                keep = [None if before + row + 1 in rows else row for row in range(group.num_rows)]
                columns = [_redacted(*one, keep, change) for one in zip(group.columns, schema.types, strict=True)]
                out.write_table(pa.Table.from_arrays(columns, schema=schema), row_group_size=max(group.num_rows, 1))
                before += group.num_rows
    except (pa.ArrowException, OSError) as problem:
        if isinstance(problem, OSError) and problem.errno is not None:
            raise
        what = " ".join(str(problem).split())[:200]
        msg = f"{source.name}: this Parquet file cannot be rewritten ({what}); write it again with plain columns"
        raise RedactionError(msg) from problem
    return before


def _compression(table: pq.ParquetFile) -> str:
    """The codec of the first column; that of the writer where there is none, or one that it does not know."""
    known = table.num_row_groups and len(table.schema)
    return _CODECS.get(table.metadata.row_group(0).column(0).compression, "snappy") if known else "snappy"


def _plain(field: pa.Field) -> pa.Field:
    """The field in Parquet's own terms and with NULL: a dictionary would keep the texts of blanked rows."""
    import pyarrow as pa  # noqa: PLC0415

    kind, of = field.type, pa.types
    if of.is_dictionary(kind):
        return _plain(field.with_type(kind.value_type))
    if of.is_string_view(kind):
        kind = pa.string()
    elif of.is_struct(kind):
        kind = pa.struct([_plain(inner) for inner in kind])
    elif of.is_map(kind):
        kind = pa.map_(_plain(kind.key_field).with_nullable(False), _plain(kind.item_field))
    elif of.is_list(kind) or of.is_fixed_size_list(kind) or of.is_list_view(kind):
        kind = pa.list_(_plain(kind.value_field))
    elif of.is_large_list(kind):
        kind = pa.large_list(_plain(kind.value_field))
    return field.with_type(kind).with_nullable(True)


def _redacted(
    column: pa.ChunkedArray, kind: pa.DataType, keep: Sequence[int | None], change: Change
) -> pa.ChunkedArray:
    """A column with NULL in each row that is not kept, and with its texts changed."""
    import pyarrow as pa  # noqa: PLC0415

    chunks, start = [], 0
    for chunk in column.chunks:
        here = keep[start : start + len(chunk)]
        rows = pa.array([None if row is None else row - start for row in here], pa.int64())
        plain = chunk if chunk.type == kind else chunk.cast(kind)
        plain = plain.take(rows) if rows.null_count else plain
        chunks.append(plain if change is str else _changed(plain, change))
        start += len(chunk)
    return pa.chunked_array(chunks, type=kind)


def _changed(array: pa.Array, change: Change) -> pa.Array:
    """An array with each text in it changed, also in lists, structs and maps."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.compute as pc  # noqa: PLC0415

    kind, of = array.type, pa.types
    if of.is_string(kind) or of.is_large_string(kind):
        found = pc.fill_null(pc.match_substring(array, "@"), False)
        new = [change(text) for text in array.filter(found).to_pylist()]
        return pc.replace_with_mask(array, found, pa.array(new, kind)) if new else array
    if isinstance(array, pa.ExtensionArray):
        return pa.ExtensionArray.from_storage(kind, _changed(array.storage, change))
    if of.is_struct(kind) and kind.num_fields:
        parts = [_changed(array.field(place), change) for place in range(kind.num_fields)]
        return pa.StructArray.from_arrays(parts, fields=list(kind), mask=array.is_null())
    if not (of.is_map(kind) or of.is_list(kind) or of.is_large_list(kind)):
        return array
    pairs = pa.list_(pa.struct([kind.key_field, kind.item_field])) if of.is_map(kind) else None
    lists = array.cast(pairs) if pairs else array
    # Counted anew, because a list that is NULL, or of which the array is a part, may hide values.
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_pylist()
    starts = pa.array(itertools.accumulate(lengths, initial=0), pa.int64() if of.is_large_list(kind) else pa.int32())
    inner = _changed(lists.flatten(), change)
    parts = [inner.field(0), inner.field(1)] if pairs else [inner]
    return type(array).from_arrays(starts, *parts, type=kind, mask=array.is_null())
