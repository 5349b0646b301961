r"""Regular expressions that mean the same to every engine.

The expressions of this program are written for RE2, which DuckDB uses. Spark matches as Java does and Sail as Rust
does: to Java ``$`` also matches before a last line break, ``.`` no carriage return and ``(?i)`` ASCII only; to Rust
``\s`` is any white space of Unicode. `portable` writes out what each of them reads in its own way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from string import hexdigits
from typing import NoReturn

_CLASSES = {"d": "0-9", "w": "0-9A-Za-z_", "s": "\\t\\n\\f\\r "}
_BACK_REFERENCES = "123456789"
_CONTROLS = {"a": "\a", "t": "\t", "n": "\n", "r": "\r", "f": "\f", "v": "\v"}
_CASED_UNTIL = 0x1E944
_PAIRS = {"\u00df": "\u1e9e", "\u1e9e": "\u00df"}
"""Letters that are each other's other case, though folding them gives two letters."""


class PatternError(ValueError):
    """A regular expression has a part that the engines would not read alike."""


@cache
def portable(pattern: str) -> str:
    r"""Rewrite a regular expression of RE2 so that RE2, Java and Rust read it as RE2 does.

    Parameters
    ----------
    pattern : str
        It may have groups, classes, the flags i and s, and the escapes ``\d \w \s \A \z \x00``, of white space
        and of punctuation.

    Raises
    ------
    PatternError
        If it has anything else, such as ``\b`` or a look-ahead.

    Examples
    --------
    >>> print(portable("^(?i:no).$"))
    ^(?:[Nn][Oo])[^\n]\z
    """
    return _Rewriter(pattern).rewritten()


def java_replacement(text: str) -> str:
    r"""Return the text that replaces a match as Java reads it: ``$1`` for ``\1``.

    Examples
    --------
    >>> java_replacement(r"\2-\1")
    '$2-$1'
    """
    parts = []
    characters = iter(text)
    for character in characters:
        following = next(characters, "") if character == "\\" else ""
        if character == "$" or (character == "\\" and following not in _BACK_REFERENCES):
            msg = f"{text!r}: expected \\1 to \\9 and text without other signs of a replacement"
            raise PatternError(msg)
        parts.append(f"${following}" if character == "\\" else character)
    return "".join(parts)


class _Rewriter:
    """Reads an expression once, from left to right; ``_flags`` holds the flags of each open group."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._place = 0
        self._flags: list[str] = [""]

    def rewritten(self) -> str:
        return "".join(self._parts())

    def _parts(self) -> Iterator[str]:
        while self._place < len(self._pattern):
            character = self._next()
            if character == "[":
                yield self._class()
            elif character == "(":
                yield self._group()
            elif character == "\\":
                yield self._escape()
            elif character == "$":
                yield r"\z"
            elif character == ".":
                yield r"[\x{0}-\x{10FFFF}]" if "s" in self._flags[-1] else r"[^\n]"
            else:
                if character == ")":
                    self._flags.pop()
                yield self._literal(character)

    def _next(self) -> str:
        if self._place >= len(self._pattern):
            self._refuse("it ends in the middle")
        self._place += 1
        return self._pattern[self._place - 1]

    def _group(self) -> str:
        rest = self._pattern[self._place :]
        if not rest.startswith("?"):
            self._flags.append(self._flags[-1])
            return "("
        letters, end = "", 1
        while rest[end : end + 1] in ("i", "s"):
            letters, end = letters + rest[end], end + 1
        mark = rest[end : end + 1]
        self._place += end + 1
        if mark == ")" and letters:
            self._flags[-1] += letters
            return ""
        if mark != ":":
            self._refuse(f"the group {rest[: end + 1]!r}")
        self._flags.append(self._flags[-1] + letters)
        return "(?:"

    def _escape(self) -> str:
        character = self._next()
        if character in _CLASSES:
            return f"[{_CLASSES[character]}]"
        if character in "Az":
            return f"\\{character}"
        literal = self._escaped(character)
        return self._literal(literal) if literal.isalnum() or not literal.isprintable() else f"\\{literal}"

    def _escaped(self, character: str) -> str:
        """Return the character that an escape stands for."""
        if character in _CONTROLS:
            return _CONTROLS[character]
        if character == "x":
            digits = self._next() + self._next()
            if all(digit in hexdigits for digit in digits):
                return chr(int(digits, 16))
        elif not character.isalnum():
            return character
        return self._refuse(f"\\{character}")

    def _class(self) -> str:
        negated = self._pattern.startswith("^", self._place)
        self._place += negated
        parts: list[str] = []
        start = self._place
        while True:
            character = self._next()
            if character == "]" and self._place - 1 > start:
                break
            if character == "\\" and (name := self._pattern[self._place : self._place + 1]) in _CLASSES:
                self._place += 1
                parts.append(_CLASSES[name])
                continue
            first = self._member(character)
            if self._pattern.startswith("-", self._place) and not self._pattern.startswith("-]", self._place):
                self._place += 1
                last = self._member(self._next())
                parts.append(f"{_in_class(first)}-{_in_class(last)}")
                members = "".join(map(chr, range(ord(first), ord(last) + 1)))
            else:
                members = last = first
                parts.append(_in_class(first))
            parts.extend(_in_class(case) for case in self._other_cases(members) if not first <= case <= last)
        return f"[{'^' if negated else ''}{''.join(dict.fromkeys(parts))}]"

    def _member(self, character: str) -> str:
        return self._escaped(self._next()) if character == "\\" else character

    def _literal(self, character: str) -> str:
        cases = sorted({character, *self._other_cases(character)})
        return character if len(cases) == 1 else f"[{''.join(cases)}]"

    def _other_cases(self, characters: str) -> list[str]:
        if "i" not in self._flags[-1]:
            return []
        same = _cases()
        return [case for character in characters for case in same.get(character, "")]

    def _refuse(self, part: str) -> NoReturn:
        msg = f"the regular expression {self._pattern!r} has what the engines read differently: {part}"
        raise PatternError(msg)


def _in_class(character: str) -> str:
    if character in "[]^-&~\\":
        return f"\\{character}"
    return f"\\x{ord(character):02x}" if character < " " else character


@cache
def _cases() -> Mapping[str, str]:
    """Return the characters that differ from each one only in case, as Unicode's simple case folding has them."""
    same: dict[str, list[str]] = {}
    for character in map(chr, range(ord("A"), _CASED_UNTIL)):
        folded = character.casefold()
        if len(folded) == 1 and (folded != character or character.upper() != character):
            same.setdefault(folded, []).append(character)
    together = {character: "".join(cases) for cases in same.values() for character in cases if len(cases) > 1}
    return {**together, **_PAIRS}
