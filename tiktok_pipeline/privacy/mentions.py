"""Mentions of a creator in a text, and how they are replaced."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tiktok_pipeline.errors import FileError

if TYPE_CHECKING:
    pass

FORGOTTEN_MENTION = "@[forgotten]"
"""What stands where someone was mentioned."""

_HANDLE = re.compile(r"[A-Za-z0-9._]+")

# The letter of a JSON escape ("\n@anna") is no letter of a mail address.
_MENTION = re.compile(r"(?:(?<![A-Za-z0-9._])|(?<=\\[bfnrt])|(?<=\\u[0-9A-Fa-f]{4}))@([A-Za-z0-9._]+)")

Change = Callable[[str], str]


class RedactionError(FileError):
    """A file cannot be written without someone; the text says why, and what to do."""

    code = "redaction"


def is_handle(text: str) -> bool:
    """Return whether the text has only the characters of a handle."""
    return _HANDLE.fullmatch(text) is not None


def _replacing(source: Path, mentions: Sequence[str]) -> Change:
    """What takes each mention out of a text."""
    forgotten = {handle.removeprefix("@").lower() for handle in mentions}
    for handle in sorted(forgotten):
        if not _HANDLE.fullmatch(handle):
            msg = f"{source.name}: {handle!r} is no handle; expected letters, digits, '.' and '_' only, such as anna.b_1"
            raise RedactionError(msg)

    def replaced(found: re.Match[str]) -> str:
        handle = found[1].lower()
        if handle in forgotten:
            return FORGOTTEN_MENTION
        name = handle.rstrip(".")  # they end a sentence
        return FORGOTTEN_MENTION + found[1][len(name) :] if name in forgotten else found[0]

    def change(text: str) -> str:
        return _MENTION.sub(replaced, text) if "@" in text else text

    return change if forgotten else str
