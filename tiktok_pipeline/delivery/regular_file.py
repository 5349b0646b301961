"""Open what somebody delivered only if it is a regular file: a link could lead to any file of the user, a pipe waits.

The file is opened once and then looked at, so that nobody can exchange it between a check and the reading.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from tiktok_pipeline.safe_text import visible_name
from tiktok_pipeline.warehouse.base import UnreadableFileError


def open_regular_file(path: Path) -> int:
    """Open a regular file for reading and return its descriptor; a link is not followed.

    Raises
    ------
    UnreadableFileError
        If the path is no regular file, or cannot be read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise (_not_a_file(path) if error.errno == errno.ELOOP else unreadable_file(path, error)) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _not_a_file(path)
    return descriptor


def is_there(path: Path) -> bool:
    """Return whether a file of any type has this path, or a link, which is not followed; a folder does not count."""
    try:
        return not stat.S_ISDIR(path.lstat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def unreadable_file(path: Path, error: OSError) -> UnreadableFileError:
    """Return the error of a delivered file that the system does not let us read."""
    return UnreadableFileError(
        f"{visible_name(path.name)}: cannot be read ({error.strerror or error})",
        remedy="make it readable for the user who runs the pipeline",
    )


def _not_a_file(path: Path) -> UnreadableFileError:
    return UnreadableFileError(
        f"{visible_name(path.name)}: a link or a special file; only files are ingested",
        remedy="copy the file itself into the folder",
    )
