"""Make hostile text safe to show: names, biographies, file names and error texts on one line, and in spreadsheets.

Text from profiles and file names may hold terminal escapes, line breaks, characters that turn the direction of a line,
or a spreadsheet formula.
"""

from __future__ import annotations

import re
import unicodedata

ZERO_WIDTH_JOINER = "\u200d"
"""Kept: emoji are joined with it."""

_LINE_BREAKS = frozenset("\n\t\r\x0b\x0c\x85\u2028\u2029")
_UNSAFE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_FORMULA = re.compile(
    "[\t\r\n]|[\\s\x00-\x1f\x7f-\x9f\xad\u180e\u200b-\u200f\u2060-\u2064\ufeff]*[=+\\-@＝＋－＠﹦﹢﹣﹫]"
)
"""How a text starts that a spreadsheet may run: blanks and invisible characters are skipped, wide forms count too."""


def one_line(text: str, *, max_characters: int | None = None) -> str:
    r"""Return the text on one line, without control, direction-changing and invalid characters.

    Parameters
    ----------
    text : str
        Any text.
    max_characters : int, optional
        Cut a longer result and end it with " ...".

    Examples
    --------
    >>> one_line("a\x1b[31mb\nc\u202ed")
    'a[31mb cd'
    """
    kept = (
        " " if character in _LINE_BREAKS else character
        for character in text
        if character in _LINE_BREAKS
        or character == ZERO_WIDTH_JOINER
        or unicodedata.category(character) not in _UNSAFE_CATEGORIES
    )
    line = " ".join("".join(kept).split())
    if max_characters is not None and len(line) > max_characters:
        return f"{line[: max_characters - 4]} ..."
    return line


def formula_safe(cell: object) -> object:
    """Return the cell, with an apostrophe before a text that a spreadsheet would run as a formula."""
    if isinstance(cell, str) and _FORMULA.match(cell):
        return f"'{cell}"
    return cell
