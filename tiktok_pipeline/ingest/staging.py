"""Copy delivered files into the home before they are read: what is stored never shares its blocks with the original.

A hard link would change with the original, which its owner may write over at any time.
"""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tiktok_pipeline.atomic_write import copy_content
from tiktok_pipeline.delivery.regular_file import open_regular_file, unreadable_file
from tiktok_pipeline.home.cleanup import STAGING_PREFIX, remove_raw_leftovers


@contextlib.contextmanager
def staging_folder(raw: Path) -> Iterator[Path]:
    """Give a folder on the file system of the snapshots, so that storing a file is a rename."""
    raw.mkdir(parents=True, exist_ok=True)
    remove_raw_leftovers(raw)
    with tempfile.TemporaryDirectory(prefix=STAGING_PREFIX, dir=raw) as folder:
        yield Path(folder)


_ERRORS_OF_THE_TARGET = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}
"""Errors that say nothing about the delivered file: the disk of the home is full, or cannot be written."""


def copy_file(source: Path, target: Path) -> None:
    """Copy the content of a regular file; a link is not followed.

    Parameters
    ----------
    source : Path
        The delivered file. It is opened once, so that nobody can exchange it between a check and the reading.
    target : Path
        A new file, which only its owner may read.

    Raises
    ------
    UnreadableFileError
        If ``source`` is no regular file, or cannot be read.
    OSError
        If the disk of ``target`` is full, or cannot be written.
    """
    reader = open_regular_file(source)
    try:
        writer = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            copy_content(reader, writer)
        finally:
            os.close(writer)
    except OSError as error:
        if error.errno in _ERRORS_OF_THE_TARGET:
            raise OSError(error.errno, os.strerror(error.errno), str(target.parent)) from error
        raise unreadable_file(source, error) from error
    finally:
        os.close(reader)
