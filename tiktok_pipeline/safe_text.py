"""Make hostile text safe to show: names, biographies, file names and error texts.

Text from profiles and file names may hold terminal escapes, line breaks, characters that change the direction of a
line, or a spreadsheet formula.
"""

from __future__ import annotations

import re
import unicodedata

ZERO_WIDTH_JOINER = "\u200d"
"""Kept: emoji are joined with it."""

HIDDEN_CHARACTERS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""Control characters other than tab and line feed, line separators, and characters that change the direction."""

_LINE_BREAKS = frozenset("\n\t\r\x0b\x0c\x85\u2028\u2029")
_LINE_ENDS = re.compile("\r\n?|[\x85\u2028\u2029]")
_UNSAFE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_NOT_TEXT = re.compile("[\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
"""Half characters and code points that are no characters: neither UTF-8 nor XML can hold them all."""
_FIRST_BEYOND_BYTES, _FIRST_BYTE, _LAST_BYTE = 0x100, 0xDC80, 0xDCFF
"""Python reads bytes of a file's name that are not UTF-8 as halves of characters, from the second to the third."""
_JOINERS = f"\u200c{ZERO_WIDTH_JOINER}"
"""Format characters that some scripts and compound emoji need."""
_FORMULA_START = "[\\s\x00-\x1f\x7f-\x9f\xad\u180e\u200b-\u200f\u2060-\u2064\ufeff]*[=+\\-@＝＋－＠﹦﹢﹣﹫]"
"""How a text starts that a spreadsheet may run: blanks and invisible characters are skipped, wide forms count too."""
_FORMULA = re.compile(f"[\t\r\n]|{_FORMULA_START}")
_INNER_FORMULA = re.compile(f"(;|(?<!^)[\t\n])(?={_FORMULA_START})")
"""A spreadsheet whose list separator is a semicolon splits a CSV file there, in the middle of a text too."""


def one_line(text: str, *, max_characters: int | None = None) -> str:
    r"""Return the text on one line, with control and direction-changing characters as escapes that a reader sees.

    Other invisible and invalid characters are left out.

    Parameters
    ----------
    text : str
        Any text.
    max_characters : int, optional
        Cut a longer result and end it with " ...".

    Examples
    --------
    >>> one_line("a\x1b[31mb\nc\u202ed")
    'a\\x1b[31mb c\\u202ed'
    """
    line = " ".join(printable(text).split())
    if max_characters is not None and len(line) > max_characters:
        return f"{line[: max_characters - 4]} ..."
    return line


def printable(text: str) -> str:
    r"""Return the text with a blank for each line break, and escapes for what steers a terminal; its spacing stays.

    Examples
    --------
    >>> printable("a  b\n  \x1b^")
    'a  b   \\x1b^'
    """
    kept = (
        " " if character in _LINE_BREAKS else _escaped(character) if HIDDEN_CHARACTERS.match(character) else character
        for character in _NOT_TEXT.sub("", text)
        if character in _LINE_BREAKS
        or HIDDEN_CHARACTERS.match(character)
        or character == ZERO_WIDTH_JOINER
        or unicodedata.category(character) not in _UNSAFE_CATEGORIES
    )
    return "".join(kept)


def visible_name(name: str) -> str:
    r"""Return a file's name with every hidden character as an escape, line breaks and bytes that are no text too.

    Whatever a file is called, its name is told on one line, and two names that differ look different.

    Examples
    --------
    >>> visible_name("a\x1b[31m\nb\u202e\udcff.csv")
    'a\\x1b[31m\\x0ab\\u202e\\xff.csv'
    """
    return "".join(_escaped(character) if _is_hidden(character) else character for character in name)


def multi_line(text: str) -> str:
    r"""Return the text with line feeds as its only line ends, without control and direction-changing characters.

    For cells of CSV and spreadsheets, which may have several lines. Tabs stay.

    Examples
    --------
    >>> multi_line("a\x00b\r\nc\u202ed")
    'ab\ncd'
    """
    return _NOT_TEXT.sub("", HIDDEN_CHARACTERS.sub("", _LINE_ENDS.sub("\n", text)))


def visible_text(text: str, *, max_characters: int) -> str:
    r"""Return the text with its hidden characters as visible escapes, for pages where a reader should see them.

    A line break becomes a return arrow, a tab a space, any other hidden character its ``\u`` escape.

    Parameters
    ----------
    text : str
        Any text. Leading and trailing blanks are removed.
    max_characters : int
        Cut a longer text and end it with an ellipsis.

    Examples
    --------
    >>> visible_text("a\u202eb", max_characters=10)
    'a\\u202eb'
    """
    trimmed = text.replace("\r\n", "\n").replace("\r", "\n").strip(" \n\t")
    if len(trimmed) > max_characters:
        trimmed = f"{trimmed[: max_characters - 1].rstrip()}\u2026"
    return "".join(map(_visible, trimmed))


def _visible(character: str) -> str:
    if character == "\n":
        return " \u21b5 "
    if character == "\t":
        return " "
    return _escaped(character) if _is_hidden(character) else character


def _is_hidden(character: str) -> bool:
    return character not in _JOINERS and unicodedata.category(character) in {*_UNSAFE_CATEGORIES, "Co"}


def _escaped(character: str) -> str:
    r"""Return the escape of a character: ``\xNN`` for a control character, and for a byte that is not UTF-8."""
    code = ord(character)
    if code < _FIRST_BEYOND_BYTES or _FIRST_BYTE <= code <= _LAST_BYTE:
        return f"\\x{code & 0xFF:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def formula_safe(cell: object) -> object:
    """Return the cell, with an apostrophe before each part of a text that a spreadsheet would run as a formula.

    Examples
    --------
    >>> formula_safe("=1+1"), formula_safe("tea;=1+1"), formula_safe("a-b")
    ("'=1+1", "tea;'=1+1", 'a-b')
    """
    if not isinstance(cell, str):
        return cell
    guarded = _INNER_FORMULA.sub(r"\1'", cell)
    return f"'{guarded}" if _FORMULA.match(cell) else guarded
