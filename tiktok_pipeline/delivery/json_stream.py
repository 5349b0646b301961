"""Decode JSON values one after the other from a text that is larger than memory, and go on after a damaged one."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TextIO

from tiktok_pipeline.delivery.text_encoding import BAD_BYTES
from tiktok_pipeline.text_files import LONGEST_RECORD_BYTES

JsonObject = dict[str, Any]

_CHUNK_CHARACTERS = 1 << 20
_CHARACTERS_AHEAD = 1 << 22
_WHITE_SPACE = re.compile(r"[ \t\n\r\ufeff]*")
_PUNCTUATION = frozenset('{}[],:"')
_LONGEST_TOKEN = len(r"\ud83d\ude00")
"""An error this close to the end of the buffer may be a token that the buffer cuts."""
_LARGEST_EXACT = 2.0**53
_DIGITS_OF_EXACT = 15
_SMALLEST_FIXED = 1e-20
_FIRST_KEY = re.compile(r'\{\s*("(?:[^"\\\n]|\\.)*")\s*:')
_CONTROL = re.compile("[\x00-\x08\x0a-\x1f]")
_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]]')
_MOST_PROBES = 20_000
_KEY = re.compile(r'"([^"\\\n]*)"\s*:')
_LONGEST_KEY = 1_000


class JsonError(ValueError):
    """A value cannot be decoded. The text describes the damage and quotes nothing."""


class TooLongError(JsonError):
    """A value is longer than the limit."""


class TooDeepError(JsonError):
    """A value is nested too deeply."""


class ExactFloat(float):
    """A number that is written with a fraction or an exponent; ``text`` is its exact text, see `number_text`."""

    text: str


class JsonDecoder:
    """Decode one JSON value: integers and fractions exactly, NaN as None, duplicate keys noticed.

    Attributes
    ----------
    conflict : str or None
        Why an object of the last value contradicts itself: a key that occurs twice with different values.
    is_canonical : bool
        False once a value was not strict JSON, or a number or text was changed to be readable.
    is_cut : bool
        True once the text ended inside a list of records.
    """

    def __init__(self) -> None:
        self.conflict: str | None = None
        self.is_canonical = True
        self.is_cut = False
        self._n_probes = 0
        hooks: dict[str, Any] = {
            "parse_float": self._parse_float,
            "parse_constant": self._parse_constant,
            "object_pairs_hook": self._parse_object,
        }
        self._strict = json.JSONDecoder(**hooks)
        self._lenient = json.JSONDecoder(strict=False, **hooks)

    def decode(self, text: str, start: int) -> tuple[Any, int]:
        """Return the value at ``start`` and where it ends.

        Raises
        ------
        json.JSONDecodeError
            If the text is not JSON, or ends inside the value.
        JsonError
            If the value is nested too deeply or a number has too many digits.
        """
        value, end = self._decode(text, start)
        if text.find(BAD_BYTES, start, end) >= 0:
            raise JsonError("the text is not UTF-8")
        return value, end

    def _decode(self, text: str, start: int) -> tuple[Any, int]:
        self.conflict = None
        try:
            try:
                return self._strict.raw_decode(text, start)
            except json.JSONDecodeError as error:
                if not error.msg.startswith("Invalid control character") or text[error.pos] != "\t":
                    raise
                value, end = self._lenient.raw_decode(text, start)
                if _CONTROL.search(text, start, end):  # a line break inside a text hides a missing quote
                    raise
                self.is_canonical = False
                return value, end
        except RecursionError as error:
            raise TooDeepError("nested too deeply") from error
        except json.JSONDecodeError:
            raise
        except ValueError as error:
            raise JsonError("a number with too many digits") from error

    def count_probe(self) -> None:
        """Count an attempt to find the record after a damaged one; raise `JsonError` after too many."""
        self._n_probes += 1
        if self._n_probes > _MOST_PROBES:
            raise JsonError("damaged in too many places")

    def _parse_float(self, literal: str) -> ExactFloat:
        number = ExactFloat(literal)
        number.text = number_text(literal)
        # The engine would give a count as "3912.0"; a rate of "0.0" or "1e-05" reads the same either way.
        self.is_canonical = self.is_canonical and (number.text == literal or abs(number) < 1)
        return number

    def _parse_constant(self, literal: str) -> str | None:
        self.is_canonical = False
        return None if literal == "NaN" else literal

    def _parse_object(self, pairs: list[tuple[str, Any]]) -> JsonObject:
        values = dict(pairs)
        if len(values) < len(pairs):
            self.is_canonical = False
            for key, value in pairs:
                if value != values[key] or type(value) is not type(values[key]):
                    self.conflict = "one key occurs twice with different values"
        return values


@dataclass(frozen=True, slots=True)
class ObjectAhead:
    """An object in the text ahead: its first key as written, value and length, and the keys in the text before."""

    first_key: str | None
    value: JsonObject
    length: int
    keys_before: frozenset[str]


class JsonStream:
    """A text as a stream of JSON values and punctuation. White space between them is skipped.

    Parameters
    ----------
    text : TextIO
        The text, with line feeds as its line ends.
    decoder : JsonDecoder
        Decodes the values.
    """

    def __init__(self, text: TextIO, decoder: JsonDecoder) -> None:
        self._text = text
        self._decoder = decoder
        self._buffer = ""
        self._place = 0
        self._line = 1
        self._is_at_end = False

    @property
    def line(self) -> int:
        """The line of the current place, from 1."""
        return self._line

    def peek(self) -> str:
        """Return the next character that is not white space; "" at the end."""
        if self._place < len(self._buffer) and self._buffer[self._place] in _PUNCTUATION:
            return self._buffer[self._place]
        while True:
            self._move_to(_end_of(_WHITE_SPACE, self._buffer, self._place))
            if self._place < len(self._buffer):
                return self._buffer[self._place]
            if not self._read_more():
                return ""

    def take(self, character: str) -> bool:
        """Move behind the next character if it is ``character``."""
        is_next = self.peek() == character
        self._place += is_next
        return is_next

    def value(self, *, longest: int = LONGEST_RECORD_BYTES) -> Any:  # noqa: ANN401 - any JSON value
        """Return the next value and move behind it.

        Raises
        ------
        JsonError
            If the next characters are no JSON value; the place stays before them.
        TooLongError
            If it has more than ``longest`` characters.
        """
        value, end = self._decode(longest)
        self._move_to(end)
        return value

    def probe(self, *, longest: int) -> Any:  # noqa: ANN401 - any JSON value
        """Return the next value and stay before it; raises as `value` does."""
        return self._decode(longest)[0]

    def objects_ahead(self) -> Iterator[ObjectAhead]:
        """Yield the objects in the next few megabytes, without those inside others."""
        while len(self._buffer) - self._place < _CHARACTERS_AHEAD and self._read_more():
            pass
        keys: set[str] = set()
        read_to, place = self._place, self._buffer.find("{", self._place + 1)
        for _ in range(_MOST_PROBES):
            if place < 0:
                return
            keys.update(_KEY.findall(self._buffer, read_to, place))
            read_to, end = place, place + 1
            with suppress(ValueError):
                value, end = self._decoder.decode(self._buffer, place)
                match = _FIRST_KEY.match(self._buffer, place, place + _LONGEST_KEY)
                yield ObjectAhead(match[1] if match else None, value, end - place, frozenset(keys))
            place = self._buffer.find("{", end)

    def _decode(self, longest: int) -> tuple[Any, int]:
        self.peek()
        while True:
            try:
                value, end = self._decoder.decode(self._buffer, self._place)
            except json.JSONDecodeError as error:
                if not self._may_be_cut(error) or not self._read_more():
                    raise JsonError(self._describe(error)) from error
            else:
                if end < len(self._buffer) or not self._read_more():
                    return value, end
            if len(self._buffer) - self._place > longest:
                raise TooLongError(f"longer than {longest // 2**20} MB")

    def first_key(self) -> str | None:
        """Return the first key of the object at the current place, as it is written; None if it is no object."""
        match = _FIRST_KEY.match(self._buffer, self._place, self._place + _LONGEST_KEY)
        return match[1] if match else None

    def skip_to_object(self, first_key: str | None) -> bool:
        """Move to the next object that starts with ``first_key``, or with any key for None; False at the end."""
        start = re.compile(r"\{\s*" + (re.escape(first_key) + r"\s*:" if first_key else '"'))
        while True:
            if match := start.search(self._buffer, self._place):
                self._move_to(match.start())
                return True
            self._move_to(max(self._place, len(self._buffer) - _LONGEST_KEY))
            if not self._read_more():
                self._move_to(len(self._buffer))
                return False

    def skip_nested(self) -> None:
        """Move behind the bracket that closes the one at the current place, however many are between them."""
        depth = 0
        while True:
            for match in _BRACKET.finditer(self._buffer, self._place):
                depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(match[0], 0)
                self._move_to(match.end())
                if depth <= 0:
                    return
            if not self._read_more():
                self._move_to(len(self._buffer))
                return

    def skip_character(self) -> None:
        """Move behind the next character."""
        self._move_to(min(self._place + 1, len(self._buffer)))

    def last_character(self) -> str:
        """Return the last character before the current place that is not white space; "" if it is not known."""
        before = self._buffer[max(0, self._place - _LONGEST_KEY) : self._place].rstrip()
        return before[-1:]

    def _read_more(self) -> bool:
        """Append to the buffer as much as it holds, at least a chunk; forget what is behind the place."""
        if self._is_at_end:
            return False
        kept = max(0, self._place - _LONGEST_KEY)
        more = self._text.read(max(_CHUNK_CHARACTERS, len(self._buffer) - kept))
        self._buffer = self._buffer[kept:] + more
        self._place -= kept
        self._is_at_end = not more
        return bool(more)

    def _move_to(self, place: int) -> None:
        self._line += self._buffer.count("\n", self._place, place)
        self._place = place

    def _may_be_cut(self, error: json.JSONDecodeError) -> bool:
        return error.msg.startswith("Unterminated string") or error.pos >= len(self._buffer) - _LONGEST_TOKEN

    def _describe(self, error: json.JSONDecodeError) -> str:
        if self._is_at_end and self._may_be_cut(error):
            return "the record is cut off"
        return describe(error)


def describe(error: json.JSONDecodeError) -> str:
    """Return what is wrong, without a word of the text."""
    return f"broken JSON, {error.msg[:1].lower()}{error.msg[1:].removesuffix(' at')}"


def number_text(literal: str) -> str:
    """Return the text of a JSON number: a whole number without a fraction, others without an exponent.

    A number that a float cannot count to, such as an identifier that went through a float, stays as it is written.

    Examples
    --------
    >>> number_text("3912.0"), number_text("1.5E+03"), number_text("0.10"), number_text("6.7e+18")
    ('3912', '1500', '0.10', '6.7e+18')
    """
    if "e" not in literal and "E" not in literal:
        digits, _, fraction = literal.partition(".")
        if fraction.strip("0"):
            return literal
        if len(digits) <= _DIGITS_OF_EXACT:
            return "0" if digits == "-0" else digits
    number = float(literal)
    if not math.isfinite(number) or abs(number) >= _LARGEST_EXACT:
        return literal
    if number.is_integer():
        exact = Decimal(literal)
        return str(int(exact)) if exact == exact.to_integral_value() else literal
    return f"{Decimal(literal):f}" if abs(number) > _SMALLEST_FIXED else literal


def iterate_lines(text: TextIO, *, longest: int = LONGEST_RECORD_BYTES) -> Iterator[tuple[int, str | None]]:
    """Yield the number and the text of each line that is not blank; None for a line that is too long."""
    number = 0
    while line := text.readline(longest):
        number += 1
        is_too_long = False
        while len(line) == longest and not line.endswith("\n"):
            is_too_long = True
            line = text.readline(longest)
        if is_too_long:
            yield number, None
        elif line.strip(" \t\n\r\ufeff"):
            yield number, line


def _end_of(pattern: re.Pattern[str], text: str, start: int) -> int:
    match = pattern.match(text, start)
    return match.end() if match else start
