"""Replace a file in one step: readers see the old content or the new, also after a crash or a power loss."""

from __future__ import annotations

import fcntl
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

DRAFT_SUFFIX = ".draft"
"""A file that is being written is ``.<name>.draft`` beside its target; a killed process leaves it behind."""

_FICLONE = 0x40049409
"""The request of Linux that lets a copy share its blocks until one of both files is written."""

_BLOCK_BYTES = 1 << 24

_LONGEST_NAME_BYTES = 255
"""The limit of Linux and macOS."""


def draft_of(target: Path) -> Path:
    """Return the path under which a new version of ``target`` is written."""
    name = f".{target.name}{DRAFT_SUFFIX}"
    if len(os.fsencode(name)) > _LONGEST_NAME_BYTES:
        name = f".{hashlib.sha256(os.fsencode(target.name)).hexdigest()}{DRAFT_SUFFIX}"
    return target.with_name(name)


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
    """Move ``draft`` over ``target`` so that a power loss leaves the old file or the new one, never a part of it.

    The new file has the access rights of the old one.
    """
    with suppress(OSError):  # no old file, or a file system without access rights
        draft.chmod(stat.S_IMODE(target.stat().st_mode))
    with draft.open("rb") as written:
        os.fsync(written.fileno())
    os.replace(draft, target)  # noqa: PTH105 - tests replace this call to simulate a full disk
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def copy_content(reader: int, writer: int) -> None:
    """Copy the content of an open file into an empty one; where the file system can, both share the blocks.

    Parameters
    ----------
    reader, writer : int
        File descriptors, the second of a file that is open for writing.
    """
    with suppress(OSError):  # most file systems cannot share blocks
        fcntl.ioctl(writer, _FICLONE, reader)
        return
    try:
        while os.copy_file_range(reader, writer, _BLOCK_BYTES):
            pass
    except (OSError, AttributeError):  # between two file systems of different types
        os.lseek(reader, 0, os.SEEK_SET)
        os.ftruncate(writer, 0)
        os.lseek(writer, 0, os.SEEK_SET)
        with os.fdopen(os.dup(writer), "wb") as target:
            while block := os.read(reader, _BLOCK_BYTES):
                target.write(block)
