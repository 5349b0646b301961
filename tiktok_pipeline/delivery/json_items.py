"""Iterate over the records of a JSON text, whatever is around them: lines, arrays, documents with a list inside."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tiktok_pipeline.delivery.json_stream import JsonDecoder, JsonError, JsonObject, JsonStream, TooLongError

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

    A damaged element is found by the start of the one after it. If the text ends inside the array, so do the
    elements.
    """
    stream.take("[")
    if stream.take("]"):
        return
    for item in iterate_values(stream, decoder):
        yield item
        if item.is_undecoded:  # the stream is still before it
            continue
        has_comma = stream.take(",")
        is_at_end = stream.take("]")
        if has_comma == is_at_end:  # a comma before the bracket, or no comma between two elements, or a cut text
            decoder.is_canonical = False
        if is_at_end or (not has_comma and stream.peek() not in {"{", ""}):
            return


def iterate_values(stream: JsonStream, decoder: JsonDecoder) -> Iterator[Item]:
    """Yield the values of a stream up to its end; the caller takes what is between them."""
    first_key: str | None = None
    keys: frozenset[str] = frozenset()
    while stream.peek():
        line, key = stream.line, stream.first_key()
        item = _decode(stream, decoder, line)
        yield item
        while item.is_undecoded:
            resumed = _resume(stream, decoder, first_key or key, keys)
            if resumed is None:
                return
            item = resumed
            yield item
        if first_key is None and isinstance(item.value, dict):
            first_key, keys = key, frozenset(item.value)


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
            problem = "the record is cut off" if error.pos >= end else _broken(error)
            yield Item(line, problem=problem)
            return
        except JsonError as error:
            yield Item(line, problem=str(error))
            return
        yield Item(line, value, decoder.conflict)
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


def skip_value(stream: JsonStream, decoder: JsonDecoder) -> None:
    """Read a value of any size and forget it."""
    match stream.peek():
        case "[":
            for _ in iterate_array(stream, decoder):
                pass
        case "{":
            for _ in iterate_keys(stream):
                skip_value(stream, decoder)
        case _:
            stream.value()


def _decode(stream: JsonStream, decoder: JsonDecoder, line: int) -> Item:
    try:
        value = stream.value()
    except TooLongError:
        raise
    except JsonError as error:
        return Item(line, problem=str(error))
    return Item(line, value, decoder.conflict)


def _resume(stream: JsonStream, decoder: JsonDecoder, first_key: str | None, keys: frozenset[str]) -> Item | None:
    """Return the next record: an object that starts like the others and has most of their keys; None at the end."""
    stream.skip_character()
    while stream.skip_to_object(first_key):
        before = stream.last_character()
        item = _decode(stream, decoder, stream.line)
        if not item.is_undecoded:
            if _is_similar(item.value, keys):
                return item
        elif before in {",", "}", "]"}:
            return item
        else:
            stream.skip_character()
    return None


def _is_similar(value: JsonObject, keys: frozenset[str]) -> bool:
    return not keys or 2 * len(keys & value.keys()) >= len(keys)


def _broken(error: json.JSONDecodeError) -> str:
    return f"broken JSON, {error.msg[:1].lower()}{error.msg[1:]}"
