"""Read delivered JSON in any form: an array, an object a line, pretty-printed, wrapped in a document, in columns.

The text is read out of core, except for the forms that hold one column after the other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any, TextIO

from tiktok_pipeline.delivery.json_cells import flatten
from tiktok_pipeline.delivery.json_items import (
    Item,
    iterate_array,
    iterate_keys,
    iterate_line,
    iterate_list_in_document,
    iterate_objects_at,
    iterate_values,
)
from tiktok_pipeline.delivery.json_layout import AmbiguousListError, JsonLayout, UnfitDocumentError, find_layout
from tiktok_pipeline.delivery.json_stream import JsonDecoder, JsonError, JsonStream, TooLongError, iterate_lines
from tiktok_pipeline.delivery.same_names import merge_same_names
from tiktok_pipeline.delivery.tables import ByteSource, DeliveredTable, KnowsName, Layout, Record
from tiktok_pipeline.delivery.text_encoding import (
    TextEncoding,
    encoding_of_head,
    find_encoding,
    open_decoded,
)
from tiktok_pipeline.text_files import LONGEST_RECORD_BYTES
from tiktok_pipeline.warehouse.base import FileFormat, UnreadableFileError

MOST_KEYS = 10_000
"""Records with more different keys are no profiles."""

LARGEST_COLUMNS_CHARACTERS = LONGEST_RECORD_BYTES
"""The forms that hold one column after the other are read into memory, up to this length."""

_CUT_NOTE = "the text ends inside the list of records"
_HEAD_BYTES = 65_536
_SCALAR = r'(?:"[^"\r\n]*"|-?[0-9]+(?:[.][0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null|NaN)\s*'
_ARRAY = re.compile(rf"\[\s*(?:[\[{{\]]|$|{_SCALAR}(?:,\s*(?:{_SCALAR}[,\]]|[\[{{])|\]\s*$))")
_OBJECT = re.compile(r'\{\s*(?:["}]|$)')


def is_json(source: ByteSource) -> bool:
    """Return whether a text is JSON, judged by how it or most of its first lines begin."""
    with source() as stream:
        head = stream.read(_HEAD_BYTES)
    encoding = encoding_of_head(head) or TextEncoding("utf-8")
    text = head.decode(encoding.codec, errors="replace").lstrip("\ufeff \t\r\n")
    if _ARRAY.match(text) or _OBJECT.match(text):
        return True
    lines = [line for line in text.splitlines()[:50] if line.strip()]
    return len(lines) > 1 and 2 * sum(bool(_OBJECT.match(line.lstrip())) for line in lines) >= len(lines)


def open_json(
    source: ByteSource, *, name: str, compression: str = "", member: str = "", knows: KnowsName | None = None
) -> DeliveredTable:
    """Return the table of a JSON text: nested objects by their dotted paths, lists as JSON text.

    Parameters
    ----------
    source : callable
        Opens the unpacked bytes; called several times.
    name : str
        The file for messages.
    compression, member : str
        For the layout, see `tiktok_pipeline.delivery.tables.Layout`.
    knows : callable, optional
        Whether a text is a column name that some dialect knows; helps to find the list of records in a document.

    Returns
    -------
    DeliveredTable
        Its ``plain_format`` is "json" or "ndjson" where the engine can read the bytes as they are.

    Raises
    ------
    UnreadableFileError
        If the text holds no object, is broken outside its records, or holds several lists of objects.
    """
    encoding = find_encoding(source)
    if encoding is None:
        raise UnreadableFileError(f"{name}: unknown text encoding", remedy="save it as UTF-8")
    text = _JsonText(source, encoding, name)
    try:
        layout = find_layout(text.open, knows)
        summary = text.summarize(layout)
    except AmbiguousListError as error:
        raise UnreadableFileError(
            f"{name}: {error}, expected one list of profiles", remedy="deliver each list as a file of its own"
        ) from error
    except UnfitDocumentError as error:
        raise UnreadableFileError(f"{name}: {error}", remedy=error.remedy) from error
    except TooLongError as error:
        raise UnreadableFileError(
            f"{name}: a record or column {error}", remedy="remove that record, and write one object per line"
        ) from error
    except JsonError as error:
        raise UnreadableFileError(
            f"{name}: not readable as JSON ({error})", remedy="write or copy it again"
        ) from error
    if not summary.header:
        raise UnreadableFileError(
            f"{name}: no JSON object in it; expected one object for each profile", remedy="export it again"
        )
    table = DeliveredTable(
        name=name,
        layout=Layout(
            container="json lines" if layout.is_lines else "json",
            compression=compression,
            member=member,
            encoding=encoding.name,
            notes=tuple(filter(None, [layout.note, _CUT_NOTE if summary.is_cut else None])),
        ),
        header=tuple(name.encode("utf-8", "backslashreplace").decode() for name in summary.header),
        read=lambda: text.records(layout, summary.header),
        plain_format=_plain_format(layout, encoding.name) if summary.is_plain else None,
        source=source,
        n_records=summary.n_records,
    )
    return merge_same_names(table, summary.header)


def _plain_format(layout: JsonLayout, encoding: str) -> FileFormat | None:
    if encoding != "utf-8":
        return None
    match layout.orient:
        case "lines":
            return "ndjson"
        case "values":
            return "json"
    return None


@dataclass(frozen=True)
class _Summary:
    """What one pass over the records finds; the header has the keys in the order of their first occurrence."""

    header: tuple[str, ...]
    n_records: int
    is_plain: bool
    is_cut: bool


class _JsonText:
    """A JSON text and its records in a given layout."""

    def __init__(self, source: ByteSource, encoding: TextEncoding, name: str) -> None:
        self._source = source
        self._encoding = encoding
        self._name = name

    def open(self) -> TextIO:
        """Open the text from its start."""
        return open_decoded(self._source, self._encoding)

    def summarize(self, layout: JsonLayout) -> _Summary:
        """Read all records once."""
        decoder = JsonDecoder()
        has_cell: dict[str, bool] = {}
        n_records, is_plain = 0, True
        for record in self._flat_records(layout, decoder):
            n_records += 1
            if isinstance(record.cells, str):
                is_plain = False
                continue
            is_plain = is_plain and record.is_flat and _is_utf8(record.cells)
            for key, cell in record.cells.items():
                if cell is not None or key not in has_cell:
                    has_cell[key] = cell is not None
            if len(has_cell) > MOST_KEYS:
                raise UnreadableFileError(
                    f"{self._name}: more than {MOST_KEYS} different keys", remedy="export one object for each profile"
                )
        header = _without_null_parents(has_cell)
        is_plain = is_plain and decoder.is_canonical and not decoder.is_cut and len(header) == len(has_cell)
        return _Summary(header, n_records, is_plain, decoder.is_cut)

    def records(self, layout: JsonLayout, header: tuple[str, ...]) -> Iterator[Record]:
        """Yield the records with their cells in the order of the header."""
        none = (None,) * len(header)
        for row, record in enumerate(self._flat_records(layout, JsonDecoder()), start=1):
            if isinstance(record.cells, str):
                yield Record(row, record.line, none, record.cells)
            else:
                yield Record(row, record.line, tuple(map(record.cells.get, header)))

    def _flat_records(self, layout: JsonLayout, decoder: JsonDecoder) -> Iterator[_FlatRecord]:
        for item in self._items(layout, decoder):
            if item.problem is not None:
                yield _FlatRecord(item.line, f"no JSON object: {item.problem}")
            elif not isinstance(item.value, dict):
                yield _FlatRecord(item.line, f"no JSON object but {_type_name(item.value)}")
            else:
                try:
                    cells = flatten(item.value)
                except JsonError as error:
                    yield _FlatRecord(item.line, str(error))
                    continue
                is_flat = not any(isinstance(value, dict) for value in item.value.values())
                yield _FlatRecord(item.line, cells, is_flat)

    def _items(self, layout: JsonLayout, decoder: JsonDecoder) -> Iterator[Item]:
        with self.open() as text:
            if layout.is_lines:
                yield from _items_of_lines(text, layout, decoder)
                return
            stream = JsonStream(text, decoder)
            match layout.orient:
                case "document" if stream.peek() == "[":
                    for page in iterate_array(stream, decoder):
                        yield from _items_of_page(page, layout.path)
                case "document":
                    while stream.peek():
                        yield from iterate_list_in_document(stream, decoder, layout.path)
                case "split":
                    yield from _items_of_split(stream, decoder, layout)
                case "columns":
                    yield from _items_of_columns(stream)
                case "lists":
                    for _ in iterate_objects_at(stream, decoder, layout.path):
                        yield from _items_of_lists(stream)
                case "index":
                    for _ in iterate_objects_at(stream, decoder, layout.path):
                        yield from _items_of_index(stream)
                case _:
                    yield from _items_of_values(stream, decoder)


@dataclass(frozen=True, slots=True)
class _FlatRecord:
    """The cells of a record by name, or why it is damaged; whether no object was inside it."""

    line: int
    cells: dict[str, str | None] | str
    is_flat: bool = True


def _items_of_lines(text: TextIO, layout: JsonLayout, decoder: JsonDecoder) -> Iterator[Item]:
    for number, line in iterate_lines(text):
        if line is None:
            yield Item(number, problem=f"longer than {LONGEST_RECORD_BYTES // 2**20} MB")
            continue
        for item in iterate_line(line, number, decoder):
            yield from _items_of_page(item, layout.path) if layout.orient == "document" else (item,)


def _items_of_page(page: Item, path: tuple[str, ...]) -> Iterator[Item]:
    """Yield the elements of the list at ``path`` in a document."""
    if page.problem is not None:
        yield page
        return
    inner = page.value
    for key in path:
        inner = inner.get(key) if isinstance(inner, dict) else None
    yield from (Item(page.line, value) for value in inner or ())


def _items_of_values(stream: JsonStream, decoder: JsonDecoder) -> Iterator[Item]:
    """Yield the elements of arrays and the objects between them."""
    n_arrays = 0
    while stream.peek() == "[":
        n_arrays += 1
        for item in iterate_array(stream, decoder):
            if isinstance(item.value, list) and all(isinstance(value, dict) for value in item.value):
                decoder.is_canonical = False
                yield from (Item(item.line, value) for value in item.value)  # a page of records
            else:
                yield item
        stream.take(",")
    if n_arrays != 1 or stream.peek():
        decoder.is_canonical = False
    yield from iterate_values(stream, decoder)


def _items_of_split(stream: JsonStream, decoder: JsonDecoder, layout: JsonLayout) -> Iterator[Item]:
    """Yield a record for each list of cells."""
    rows = iterate_list_in_document(stream, decoder, layout.path) if layout.path else iterate_array(stream, decoder)
    names = layout.names
    if not names:
        first = next(rows, None)
        if first is None or not isinstance(first.value, list):
            return
        names = tuple(map(str, first.value))
    for item in rows:
        if not isinstance(item.value, list):
            yield item if item.problem else Item(item.line, problem="expected a list of cells")
        elif len(item.value) != len(names):
            yield Item(item.line, problem=f"{len(item.value)} cells, expected {len(names)}")
        else:
            yield Item(item.line, dict(zip(names, item.value, strict=True)), item.problem)


def _items_of_columns(stream: JsonStream) -> Iterator[Item]:
    """Yield a record for each label; a label that a column lacks gives no cell."""
    columns = {key: stream.value(longest=LARGEST_COLUMNS_CHARACTERS) for key in iterate_keys(stream)}
    labels = dict.fromkeys(chain.from_iterable(columns.values()))
    has_labels = not all(label.isdigit() for label in labels)
    for label in labels:
        record = {name: cells[label] for name, cells in columns.items() if label in cells}
        yield Item(1, record | ({"index": label} if has_labels and "index" not in columns else {}))


def _items_of_lists(stream: JsonStream) -> Iterator[Item]:
    """Yield a record for each place in the lists of an object; its other values are no columns."""
    values = {key: stream.value(longest=LARGEST_COLUMNS_CHARACTERS) for key in iterate_keys(stream)}
    columns = {name: cells for name, cells in values.items() if isinstance(cells, list)}
    for cells in zip(*columns.values(), strict=True):
        yield Item(1, dict(zip(columns, cells, strict=True)))


def _items_of_index(stream: JsonStream) -> Iterator[Item]:
    """Yield a record for each key; a key that is more than a number becomes its column ``index``."""
    for key in iterate_keys(stream):
        line = stream.line
        value = stream.value()
        if isinstance(value, dict) and not key.isdigit():
            value = {"index": key} | value
        yield Item(line, value)


def _without_null_parents(has_cell: dict[str, bool]) -> tuple[str, ...]:
    """Return the keys without those that are always null and elsewhere an object: "stats" beside "stats.likes"."""
    parents = {key[: place.start()] for key in has_cell for place in re.finditer(r"\.", key)}
    return tuple(key for key, is_filled in has_cell.items() if is_filled or key not in parents)


def _is_utf8(cells: dict[str, str | None]) -> bool:
    try:
        "".join(filter(None, cells.values())).encode()
    except UnicodeEncodeError:
        return False
    return True


def _type_name(value: Any) -> str:  # noqa: ANN401 - any JSON value
    if value is None:
        return "null"
    return {list: "a list", str: "a text", bool: "true or false"}.get(type(value), "a number")
