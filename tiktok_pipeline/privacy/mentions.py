"""Mentions of a creator ("@handle") in a text, and their replacement."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from tiktok_pipeline.errors import FileError

FORGOTTEN_MENTION = "@[forgotten]"
"""The text that replaces a mention."""

TextChange = Callable[[str], str]

_HANDLE = re.compile(r"[A-Za-z0-9._]+")

# The lookbehinds keep mail addresses. A JSON escape before "@" ("\n@anna", "\u00e9@anna") ends in a letter or digit,
# but is not part of an address.
_MENTION = re.compile(r"(?:(?<![A-Za-z0-9._])|(?<=\\[bfnrt])|(?<=\\u[0-9A-Fa-f]{4}))@([A-Za-z0-9._]+)")


class RedactionError(FileError):
    """A file cannot be rewritten without the records or mentions of some creators."""

    code = "redaction"


def is_handle(text: str) -> bool:
    """Return whether the text has only the characters of a handle."""
    return _HANDLE.fullmatch(text) is not None


def unchanged(text: str) -> str:
    """Return the text as it is: the change of a file in which no mention is replaced."""
    return text


def mention_replacer(handles: Sequence[str], *, file: str) -> TextChange:
    """Return a function that replaces each mention of ``handles`` in a text.

    Parameters
    ----------
    handles : sequence of str
        Handles, with or without "@". Their case does not matter.
    file : str
        The file name for an error text.

    Returns
    -------
    callable
        Text in, text out; `unchanged` if there are no handles.

    Raises
    ------
    RedactionError
        If one of ``handles`` is not a handle.

    Examples
    --------
    >>> replace = mention_replacer(["anna"], file="scrape.csv")
    >>> replace("by @Anna. me@anna.org, @annabel")
    'by @[forgotten]. me@anna.org, @annabel'
    """
    forgotten = {handle.removeprefix("@").lower() for handle in handles}
    for handle in sorted(forgotten):
        if not is_handle(handle):
            raise RedactionError(
                f"{file}: {handle!r} is not a handle; expected letters, digits, '.' and '_' only, such as anna.b_1"
            )

    def replaced(match: re.Match[str]) -> str:
        handle = match[1].lower()
        if handle in forgotten:
            return FORGOTTEN_MENTION
        name = handle.rstrip(".")  # these dots may end a sentence
        return FORGOTTEN_MENTION + match[1][len(name) :] if name in forgotten else match[0]

    def change(text: str) -> str:
        return _MENTION.sub(replaced, text) if "@" in text else text

    return change if forgotten else unchanged
