"""Iterate over the records of a JSON text, whatever is around them: lines, arrays, documents with a list inside."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tiktok_pipeline.delivery.json_stream import (
    JsonDecoder,
    JsonError,
    JsonStream,
    TooDeepError,
    TooLongError,
    describe,
)

_LONGEST_PROBE = 4 * 2**20
_DEEPEST_SKIPPED = 300
"""Fewer than Python's limit of calls, whoever calls."""

Path = tuple[str, ...]
"""The keys that lead from a document to a list inside."""


@dataclass(frozen=True, slots=True)
class Item:
    """A value where a record is expected, with its line; ``problem`` says why it cannot be decoded."""

    line: int
    value: Any = None
    problem: str | None = None

    @property
    def is_undecoded(self) -> bool:
        """Whether there is no value; an object that contradicts itself has a value and a problem."""
        return self.problem is not None and self.value is None


def iterate_array(stream: JsonStream, decoder: JsonDecoder) -> Iterator[Item]:
    """Yield the elements of an array; the stream is at its opening bracket and ends behind the closing one.

    A damaged element ends where the next object of the same shape starts. If the text ends inside the array, so do
    the elements.
    """
    stream.take("[")
    yield from _iterate_values(stream, decoder, end="]")
    if not stream.take("]"):
        decoder.is_cut = True


def iterate_values(stream: JsonStream, decoder: JsonDecoder) -> Iterator[Item]:
    """Yield the values of a stream up to its end, with or without commas between them."""
    return _iterate_values(stream, decoder, end="")


def _iterate_values(stream: JsonStream, decoder: JsonDecoder, *, end: str) -> Iterator[Item]:
    shape = _Shape()
    while stream.peek() not in {end, ""}:
        line, key = stream.line, stream.first_key()
        try:
            item = _decode(stream, decoder, line)
        except TooDeepError as error:
            stream.skip_nested()
            item = Item(line, {}, str(error))
        if not item.is_undecoded and not _is_separated(stream, decoder, end, is_complete=shape.covers(item.value)):
            item = Item(line, problem="broken JSON, expected a comma or the end")
        yield item
        if item.is_undecoded:
            decoder.is_canonical = False
            shape = shape if shape.keys else _Shape.find(stream)
            if not shape.keys or not _seek_record(stream, decoder, shape):
                return
        elif not shape.keys and isinstance(item.value, dict):
            shape = _Shape(key, frozenset(item.value))


@dataclass(frozen=True)
class _Shape:
    """How the records of a text look: the text of their first key, and the keys of one of them."""

    first_key: str | None = None
    keys: frozenset[str] = frozenset()

    def fits(self, value: Any) -> bool:  # noqa: ANN401 - any JSON value
        """Return whether an object has at least half of the keys."""
        return isinstance(value, dict) and 2 * len(self.keys & value.keys()) >= len(self.keys)

    def covers(self, value: Any) -> bool:  # noqa: ANN401 - any JSON value
        """Return whether a value has all of the keys, or is no object."""
        return not isinstance(value, dict) or (bool(self.keys) and self.keys <= value.keys())

    @classmethod
    def find(cls, stream: JsonStream) -> _Shape:
        """Return the shape of most of the text behind a damaged record, where objects inside others do not count."""
        characters: Counter[str | None] = Counter()
        keys: dict[str | None, frozenset[str]] = {}
        for ahead in stream.objects_ahead():
            names = _all_keys(ahead.value)
            # An object inside the damaged record has other keys than the text before it, and fewer.
            known = names & ahead.keys_before
            if 2 * len(known) > len(names) and 3 * len(known) >= len(ahead.keys_before):
                characters[ahead.first_key] += ahead.length
                keys[ahead.first_key] = keys.get(ahead.first_key, frozenset()) | ahead.value.keys()
        first_key = max(characters, key=lambda key: characters[key], default=None)
        return cls(first_key, keys.get(first_key, frozenset()))


def _all_keys(value: Any) -> set[str]:  # noqa: ANN401 - any JSON value
    """Return the keys of an object and of the objects inside it."""
    if isinstance(value, dict):
        return set(value).union(*map(_all_keys, value.values()))
    return set().union(*map(_all_keys, value)) if isinstance(value, list) else set()


def _is_separated(stream: JsonStream, decoder: JsonDecoder, end: str, *, is_complete: bool) -> bool:
    """Move behind the comma after a value; return whether the next value or the end can follow."""
    has_comma = stream.take(",")
    following = stream.peek()
    is_at_end = following == end
    if has_comma == is_at_end and (end or has_comma):  # no comma between two elements, or one behind the last
        decoder.is_canonical = False
    if following == '"' and not is_complete:  # a brace too many: the rest of the record follows
        return False
    return has_comma or is_at_end or following in {"{", "["} or not following


def _seek_record(stream: JsonStream, decoder: JsonDecoder, shape: _Shape) -> bool:
    """Move to the next record, one of the shape or a damaged one where a record can start; False at the end."""
    stream.skip_character()
    while stream.skip_to_object(shape.first_key):
        decoder.count_probe()
        try:
            if shape.fits(stream.probe(longest=_LONGEST_PROBE)):
                return True
        except TooLongError:
            pass
        except JsonError:
            if stream.last_character() in {",", "}", "]"}:
                return True
        stream.skip_character()
    return False


def iterate_line(text: str, line: int, decoder: JsonDecoder) -> Iterator[Item]:
    """Yield the values on one line; a comma behind the last one is ignored."""
    end = len(text.rstrip(" \t\r\n,"))
    start = len(text) - len(text.lstrip(" \t\ufeff"))
    if text.endswith("\r") or text[end:].lstrip().startswith(","):
        decoder.is_canonical = False
    while start < end:
        try:
            value, start = decoder.decode(text, start)
        except json.JSONDecodeError as error:
            problem = "the record is cut off" if error.pos >= end else describe(error)
            yield Item(line, problem=problem)
            return
        except JsonError as error:
            yield Item(line, problem=str(error))
            return
        yield Item(line, value, decoder.conflict)
        if not isinstance(value, dict):  # one damaged record a line
            return
        if start < end:
            decoder.is_canonical = False
        while start < end and text[start] in " \t\r,":
            start += 1


def iterate_list_in_document(stream: JsonStream, decoder: JsonDecoder, path: Path) -> Iterator[Item]:
    """Yield the elements of the list at ``path`` in the document at the current place, which is read to its end."""
    for key in iterate_keys(stream):
        if key != path[0]:
            skip_value(stream, decoder)
        elif len(path) == 1 and stream.peek() == "[":
            yield from iterate_array(stream, decoder)
        elif len(path) > 1 and stream.peek() == "{":
            yield from iterate_list_in_document(stream, decoder, path[1:])
        else:
            skip_value(stream, decoder)


def iterate_objects_at(stream: JsonStream, decoder: JsonDecoder, path: Path) -> Iterator[None]:
    """Stop at the object at ``path`` in the document at the current place; the caller reads it, then the rest is."""
    if not path:
        yield
        return
    for key in iterate_keys(stream):
        if key == path[0] and stream.peek() == "{":
            yield from iterate_objects_at(stream, decoder, path[1:])
        else:
            skip_value(stream, decoder)


def iterate_keys(stream: JsonStream) -> Iterator[str]:
    """Yield the keys of an object; the caller reads the value of each before the next. Stops where the text ends.

    Raises
    ------
    JsonError
        If the text between the values is not that of an object.
    """
    stream.take("{")
    while not stream.take("}") and stream.peek():
        key = stream.value()
        if not isinstance(key, str) or not stream.take(":"):
            raise JsonError("broken JSON, expected a key")
        yield key
        if not stream.take(",") and stream.peek() not in {"}", ""}:
            raise JsonError("broken JSON, expected a comma between two keys")


def skip_value(stream: JsonStream, decoder: JsonDecoder, depth: int = 0) -> None:
    """Read a value of any size and forget it.

    Raises
    ------
    TooDeepError
        If more than 300 objects are nested in it.
    """
    if depth > _DEEPEST_SKIPPED:
        raise TooDeepError("nested too deeply")
    match stream.peek():
        case "[":
            for _ in iterate_array(stream, decoder):
                pass
        case "{":
            for _ in iterate_keys(stream):
                skip_value(stream, decoder, depth + 1)
        case _:
            stream.value()


def _decode(stream: JsonStream, decoder: JsonDecoder, line: int) -> Item:
    try:
        value = stream.value()
    except (TooDeepError, TooLongError):
        raise
    except JsonError as error:
        return Item(line, problem=str(error))
    return Item(line, value, decoder.conflict)
