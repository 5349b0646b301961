"""A creator's names in the texts of others: mentions ("@handle"), addresses, plain names; and their replacement."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence

from tiktok_pipeline.errors import FileError
from tiktok_pipeline.privacy.spelling import is_distinctive, is_number, mention_expression, plain_expression

FORGOTTEN_NAME = "[forgotten]"
"""The text that replaces a name."""

FORGOTTEN_MENTION = f"@{FORGOTTEN_NAME}"
"""The text that replaces a mention."""

FORGOTTEN_NUMBER = "0"
"""The text that replaces the platform's number of an account: also in JSON without quotes it is a number."""

TextChange = Callable[[str], str]

_HANDLE = re.compile(r"[A-Za-z0-9._]+")


class RedactionError(FileError):
    """A file cannot be rewritten without the records or mentions of some creators."""

    code = "redaction"


def is_handle(text: str) -> bool:
    """Return whether the text has only the characters of a handle."""
    return _HANDLE.fullmatch(text) is not None


def unchanged(text: str) -> str:
    """Return the text as it is: the change of a file in which no mention is replaced."""
    return text


def change_label(label: str, change: TextChange) -> str:
    """Change a column's name; the keys of nested objects in it are joined by dots, which handles have too."""
    starts = [0, *(at + 1 for at, character in enumerate(label) if character == ".")]
    changes = (label[:start] + change(label[start:]) for start in starts)
    return next((changed for changed in changes if changed != label), label)


def mention_replacer(names: Sequence[str], *, file: str, columns: Collection[str] = ()) -> TextChange:
    r"""Return a function that replaces the names in a text.

    A mention is replaced for every handle. The name alone is replaced if it is distinctive, see
    `tiktok_pipeline.privacy.spelling.is_distinctive`; a name such as "anna" is also an ordinary word.

    Parameters
    ----------
    names : sequence of str
        Handles, with or without "@", and numbers. Their case does not matter.
    file : str
        The file name for an error text.
    columns : collection of str
        Columns of the file: a name that is also a column is replaced only where it is a mention.

    Returns
    -------
    callable
        Text in, text out; `unchanged` if there are no names.

    Raises
    ------
    RedactionError
        If one of ``names`` is neither.

    Examples
    --------
    >>> replace = mention_replacer(["anna"], file="scrape.csv")
    >>> replace("by @Anna. me@anna.org, @annabel")
    'by @[forgotten]. me@anna.org, @annabel'
    >>> mention_replacer(["anna.b"], file="scrape.csv")(r'{"bio": "with ANNA.B, \u0040anna.b"}')
    '{"bio": "with [forgotten], @[forgotten]"}'
    """
    forgotten = sorted({name.removeprefix("@").lower() for name in names})
    for name in forgotten:
        if not is_handle(name):
            raise RedactionError(
                f"{file}: {name!r} is not a handle; expected letters, digits, '.' and '_' only, such as anna.b_1"
            )
    steps = _replacements(forgotten, {column.lower() for column in columns})

    def change(text: str) -> str:
        lowered = text.lower()
        if not any(name in lowered for name in forgotten) and "%" not in text and "\\" not in text:
            return text
        for pattern, replacement in steps:
            text = pattern.sub(replacement, text)
        return text

    return change if forgotten else unchanged


def _replacements(names: Sequence[str], columns: Collection[str]) -> list[tuple[re.Pattern[str], str]]:
    """Return the patterns to replace, in order: mentions first, which include their "@"."""
    plain = [name for name in names if is_distinctive(name) and name not in columns]
    expressions = {
        FORGOTTEN_MENTION: (mention_expression, list(names)),
        FORGOTTEN_NAME: (plain_expression, [name for name in plain if not is_number(name)]),
        FORGOTTEN_NUMBER: (plain_expression, [name for name in plain if is_number(name)]),
    }
    return [
        (re.compile(expression(chosen), re.IGNORECASE | re.ASCII), replacement)
        for replacement, (expression, chosen) in expressions.items()
        if chosen
    ]
