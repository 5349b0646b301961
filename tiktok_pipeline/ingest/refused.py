"""Move a delivery that cannot be read to ``incoming/refused/`` with a reason, and list what is there.

The folder may be a link or a mount point, on another disk than the inbox.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tiktok_pipeline.atomic_write import atomic_replace, atomic_write_text, draft_of
from tiktok_pipeline.delivery.regular_file import is_there, open_regular_file
from tiktok_pipeline.delivery.research_api import request_files
from tiktok_pipeline.errors import FileError, PipelineError
from tiktok_pipeline.home.layout import REASON_SUFFIX
from tiktok_pipeline.ingest.staging import copy_file
from tiktok_pipeline.raw.dialects.messages import inspect_command
from tiktok_pipeline.raw.snapshots import safe_name
from tiktok_pipeline.safe_text import one_line, visible_name

_LONGEST_REASON_BYTES = 1 << 16


class RefusedFolderError(PipelineError):
    """Deliveries that cannot be read stay in the inbox, because the folder of refused files cannot take them."""

    code = "refused_folder"


@dataclass(frozen=True)
class RefusedFile:
    """A file that could not be read.

    Attributes
    ----------
    file : str
        Its name in ``incoming/refused/``, or in ``incoming/`` if it stays there, without hidden characters.
    reason : str
        Why it could not be read, on one line.
    is_moved : bool
        False if ``incoming/refused/`` cannot take it.
    """

    file: str
    reason: str
    is_moved: bool = True

    def path(self, refused: Path) -> Path:
        """Return where the file is; ``refused`` is the folder ``incoming/refused/``."""
        return (refused if self.is_moved else refused.parent) / self.file


def refused_files(folder: Path) -> list[RefusedFile]:
    """Return the refused files that are still in the folder, by name; a damaged reason is told as such."""
    refused = []
    for reason_file in sorted(folder.glob(f"*{REASON_SUFFIX}")):
        name = reason_file.name.removesuffix(REASON_SUFFIX)
        if _exists(folder / name):
            refused.append(RefusedFile(name, _read_reason(reason_file)))
    return refused


def refuse(path: Path, folder: Path, reason: str) -> RefusedFile:
    """Move a file to the folder of refused files with a reason file; never overwrite an earlier file of that name.

    Parameters
    ----------
    path : Path
        The delivered file or link.
    folder : Path
        ``incoming/refused/``.
    reason : str
        Why it cannot be read.

    Returns
    -------
    RefusedFile
        If the folder cannot take the file, such as a link to a disk that is not mounted, the file stays and the
        reason says so: the other deliveries do not wait for it.
    """
    reason = one_line(reason)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        moved = _move_with_reason(path, folder, reason)
    except (OSError, FileError) as error:
        stays = f"{reason}; it stays in the inbox: {_why_not_moved(folder, error)}"
        return RefusedFile(visible_name(path.name), stays, is_moved=False)
    _move_requests(path, folder / moved.file)
    return moved


def _move_with_reason(path: Path, folder: Path, reason: str) -> RefusedFile:
    name = _free_name(path, folder)
    reason = reason.replace(inspect_command(str(path)), inspect_command(str(folder / name)))
    reason_file = folder / f"{name}{REASON_SUFFIX}"
    atomic_write_text(reason_file, f"{reason}\n")
    try:
        _move(path, folder / name)
    finally:
        if not _exists(folder / name):
            reason_file.unlink(missing_ok=True)
    return RefusedFile(name, reason)


def _read_reason(path: Path) -> str:
    """Return the reason in a file that anybody may have damaged since it was written."""
    try:
        with os.fdopen(open_regular_file(path), "rb") as opened:
            return one_line(opened.read(_LONGEST_REASON_BYTES).decode("utf-8"))
    except (OSError, ValueError, FileError):
        return f"{one_line(path.name.removesuffix(REASON_SUFFIX))}: the reason in {one_line(path.name)} is damaged"


def _free_name(path: Path, folder: Path) -> str:
    name, number = safe_name(path), 1
    while _exists(folder / name) or (folder / f"{name}{REASON_SUFFIX}").is_dir():
        number += 1
        name = f"{number}-{safe_name(path)}"
    return name


def _move_requests(path: Path, refused: Path) -> None:
    """Move the requests of a refused reply beside it; alone in the inbox, one would be a delivery of its own."""
    for request, moved in zip(request_files(path), request_files(refused), strict=False):
        if is_there(request) and not _exists(moved):
            with suppress(OSError, FileError):  # it is refused as a delivery of its own
                _move(request, moved)


def _move(source: Path, target: Path) -> None:
    """Move a file or a link, which is not followed; between two disks it is copied, and removed then.

    A process that is killed leaves the file at its old place, at its new one, or at both.
    """
    try:
        os.replace(source, target)  # noqa: PTH105 - a link is moved, not followed
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _copy_and_remove(source, target)


def _copy_and_remove(source: Path, target: Path) -> None:
    before = _status(source)
    draft = draft_of(target)
    draft.unlink(missing_ok=True)
    try:
        if source.is_symlink():
            draft.symlink_to(source.readlink())
            draft.rename(target)
        else:
            if source.is_file():
                copy_file(source, draft)
            else:
                draft.touch(mode=0o600)  # a pipe or a device has no content that could be kept
            atomic_replace(draft, target)
    finally:
        draft.unlink(missing_ok=True)
    with suppress(FileNotFoundError):
        if _status(source) == before:  # else it is a new file of that name, the next delivery
            source.unlink()


def _status(path: Path) -> tuple[int, int, int]:
    status = path.lstat()
    return status.st_ino, status.st_size, status.st_mtime_ns


def _why_not_moved(folder: Path, error: OSError | FileError) -> str:
    shown = one_line(str(folder))
    if not folder.is_dir():
        return f"{shown} is no folder, or a link to a folder that is not there; mount its disk or remove it"
    if isinstance(error, FileError):
        return f"{shown} is on another disk, and it cannot be copied there"
    return (
        f"{shown} cannot take it ({error.strerror}); free space there, or give the pipeline's user the right to write"
    )


def _exists(path: Path) -> bool:
    return path.exists() or path.is_symlink()
