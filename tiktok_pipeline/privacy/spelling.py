r"""How a creator's names are spelled in a text: any case, percent escapes (``%40``), JSON escapes (``\u0040``).

One place decides what is the name and what is only a similar word; the redaction of files and the search of exports,
logs and Dagster's records use it.
"""

from __future__ import annotations

import re
from collections.abc import Collection

SHORTEST_PLAIN_HANDLE = 6
"""A shorter handle of letters only, such as ``anna``, is an ordinary word unless it is a mention or in an address."""

SHORTEST_PLAIN_NUMBER = 10
"""A shorter number may be a count."""

_ESCAPED = r"(?<=\\[bfnrt])|(?<=\\u[0-9A-Fa-f]{4})|(?<=\\x[0-9A-Fa-f]{2})|(?<=%[0-9A-Fa-f]{2})|(?<=%25[0-9A-Fa-f]{2})"
"""Behind an escape ("\\n", "\\u00e9", "%40"), which ends in a letter or digit, but is no part of the word."""

_BEFORE = rf"(?:(?<![A-Za-z0-9._])|{_ESCAPED})"
"""Where a word begins."""

_AFTER = r"(?!\.*[A-Za-z0-9_]|%5[fF]|%2[eE][A-Za-z0-9_])"
"""Where a word ends. Dots behind it may end a sentence."""

_BEFORE_DIGITS, _AFTER_DIGITS = rf"(?:(?<![0-9])(?<![0-9]\.)|{_ESCAPED})", "(?![0-9])"
"""A long number is the same in ``id6999999999999999999`` and ``6999999999999999999.0``, but not behind a point."""

_AT = r"(?:@|\uff20|%(?:25)*40|\\+u0040|\\+x40|&#0*64;|&#x0*40;|&commat;)"
_NO_MAIL = "(?<![A-Za-z0-9._]@)"


_ESCAPE = re.compile(rb"(?:%(?:25)*|\\+u00|\\+x)([2-7][0-9a-f])")


def is_number(name: str) -> bool:
    """Return whether a name is the platform's number of an account."""
    return name.isascii() and name.isdigit()


def is_distinctive(name: str) -> bool:
    """Return whether a name alone, without "@", says that the creator is meant.

    Examples
    --------
    >>> is_distinctive("anna.b"), is_distinctive("anna"), is_distinctive("12345")
    (True, False, False)
    """
    if is_number(name):
        return len(name) >= SHORTEST_PLAIN_NUMBER
    return len(name) >= SHORTEST_PLAIN_HANDLE or not name.isalpha()


def is_distinctive_word(word: bytes) -> bool:
    """Return `is_distinctive` of a word in ASCII; millions of words of a file are asked."""
    if word.isdigit():
        return len(word) >= SHORTEST_PLAIN_NUMBER
    return len(word) >= SHORTEST_PLAIN_HANDLE or not word.isalpha()


def unescaped(text: bytes) -> bytes:
    r"""Return a lower-case text with its percent and JSON escapes of ASCII characters resolved.

    Examples
    --------
    >>> unescaped(rb"%40anna\u002eb")
    b'@anna.b'
    """
    return _ESCAPE.sub(_unescaped, text).lower() if b"%" in text or b"\\" in text else text


def mention_expression(handles: Collection[str]) -> str:
    """Return a regular expression for mentions of handles; group 1 is the "@" in its spelling."""
    return f"{_BEFORE}({_AT}){_any_of(handles)}{_AFTER}"


def plain_expression(names: Collection[str]) -> str:
    """Return a regular expression for distinctive names as whole words, except in mail domains."""
    return _NO_MAIL + _word_of(names)


class NamePattern:
    """A pattern for names in bytes. Before it is tried, a quick search rules out most contents."""

    def __init__(self, names: Collection[str]) -> None:
        self._exact = re.compile(_word_of(names).encode(), re.IGNORECASE)
        self._names = [name.encode() for name in _longest_first(names)]
        self._in_path = name_in_path(names)
        self._is_ascii = all(name.isascii() for name in self._names)

    def search(self, content: bytes) -> bool:
        """Return whether one of the names is in the content."""
        folded = unescaped(content.lower())
        may_match = not self._is_ascii or any(name in folded for name in self._names)
        return may_match and self._exact.search(content) is not None

    def search_path(self, content: bytes) -> bool:
        """Return whether one of the names is in the name of a file, where ``_`` and ``.`` stand between words."""
        return self._in_path.search(content.decode("utf-8", "replace")) is not None

    def sub(self, replacement: bytes, content: bytes) -> bytes:
        """Return the content with each name replaced."""
        return self._exact.sub(replacement, content)


def name_pattern(names: Collection[str]) -> NamePattern:
    r"""Return a pattern for any of the names as a whole word, in UTF-8, any case and any spelling.

    Parameters
    ----------
    names : collection of str
        Handles and numbers, at least one.

    Examples
    --------
    >>> pattern = name_pattern(["anna.b"])
    >>> bool(pattern.search(b"by @ANNA.B.")), bool(pattern.search(b"by anna.bc"))
    (True, False)
    >>> bool(pattern.search(b"tiktok.com/%40anna%2Eb")), bool(pattern.search(rb"\\u0040anna.b"))
    (True, True)
    """
    return NamePattern(names)


def name_in_path(names: Collection[str]) -> re.Pattern[str]:
    """Return a pattern for the names in the name of a file, where ``_`` and ``.`` stand between words.

    Examples
    --------
    >>> name_in_path(["anna", "tom_1"]).sub("forgotten", "of_anna.csv hannah.csv xtom_1y.csv")
    'of_forgotten.csv hannah.csv xforgotteny.csv'
    """
    parts = [
        _spelling(name) if is_distinctive(name) else f"(?<![A-Za-z0-9]){_spelling(name)}(?![A-Za-z0-9])"
        for name in _longest_first(names)
    ]
    return re.compile("|".join(parts) or "(?!)", re.IGNORECASE | re.ASCII)


def _word_of(names: Collection[str]) -> str:
    """Return an expression for any of the names as a word of its own, and for long numbers without other digits."""
    numbers = [name for name in names if is_number(name) and is_distinctive(name)]
    words = [name for name in names if name not in numbers]
    of_words = f"{_BEFORE}{_any_of(words)}{_AFTER}" if words or not numbers else ""
    of_numbers = f"{_BEFORE_DIGITS}{_any_of(numbers)}{_AFTER_DIGITS}" if numbers else ""
    return f"(?:{'|'.join(filter(None, (of_words, of_numbers)))})"


def _any_of(names: Collection[str]) -> str:
    return f"(?:{'|'.join(map(_spelling, _longest_first(names)))})"


def _unescaped(match: re.Match[bytes]) -> bytes:
    return bytes.fromhex(match[1].decode())


def _longest_first(names: Collection[str]) -> list[str]:
    return sorted({name.removeprefix("@").lower() for name in names}, key=lambda name: (-len(name), name))


def _spelling(name: str) -> str:
    return "".join(map(_character, name))


def _character(character: str) -> str:
    variants = {character, character.lower(), character.upper()}
    spellings = {re.escape(variant) for variant in variants}
    for variant in variants:
        spellings.add("".join(f"%(?:25)*{byte:02x}" for byte in variant.encode()))
        units = variant.encode("utf-16-be").hex()
        spellings.add("".join(rf"\\+u{units[at : at + 4]}" for at in range(0, len(units), 4)))
        if variant.isascii():
            spellings.add(rf"\\+x{ord(variant):02x}")
    return f"(?:{'|'.join(sorted(spellings, key=lambda text: (len(text), text)))})"
