"""Replace a file in one step: readers see the old content or the new, also after a crash or a power loss."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DRAFT_SUFFIX = ".draft"
"""A file that is being written is ``.<name>.draft`` beside its target; a killed process leaves it behind."""


def draft_of(target: Path) -> Path:
    """Return the path under which a new version of ``target`` is written."""
    return target.with_name(f".{target.name}{DRAFT_SUFFIX}")


@contextmanager
def atomic_write(target: Path) -> Iterator[Path]:
    """Give the block a draft to write, and replace ``target`` with it when the block ends without an error.

    Parameters
    ----------
    target : Path
        The file to replace. Its folder must exist.

    Yields
    ------
    Path
        The draft. The block creates it; if the block fails, the draft is removed and ``target`` stays as it was.
    """
    draft = draft_of(target)
    draft.unlink(missing_ok=True)
    try:
        yield draft
        atomic_replace(draft, target)
    finally:
        draft.unlink(missing_ok=True)


def atomic_write_text(target: Path, text: str) -> None:
    """Replace the content of ``target`` with ``text`` (UTF-8)."""
    with atomic_write(target) as draft:
        draft.write_text(text, encoding="utf-8")


def atomic_replace(draft: Path, target: Path) -> None:
    """Move ``draft`` over ``target`` so that a power loss leaves the old file or the new one, never a part of it."""
    with draft.open("rb") as written:
        os.fsync(written.fileno())
    os.replace(draft, target)  # noqa: PTH105 - tests replace this call to simulate a full disk
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
