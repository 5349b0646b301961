"""What lies in a folder, whether it is complete, and which snapshot it belongs to.

Only names, sizes and dates are looked at; nothing is read, copied or written here.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import re
import signal
import stat
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from tiktok_pipeline.errors import FileError
from tiktok_pipeline.warehouse.base import FileFormat

FORMATS: dict[str, FileFormat] = {
    ".csv": "csv",
    ".csv.gz": "csv",
    ".json": "json",
    ".json.gz": "json",
    ".ndjson": "ndjson",
    ".ndjson.gz": "ndjson",
    ".jsonl": "ndjson",
    ".jsonl.gz": "ndjson",
    ".parquet": "parquet",
}
"""The endings that are read, and as what."""

SNAPSHOT_KEY = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}-[0-9]{2}-[0-9]{2}Z)?$"
"""A sortable UTC date, or date and time."""

_DATE = re.compile(r"(?<![0-9])([0-9]{4})-?([0-9]{2})-?([0-9]{2})(?![0-9])")
_SAFE_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
_UNFINISHED = (".part", ".partial", ".tmp", ".temp", ".crdownload", ".download", "~", ".swp")


class SnapshotKeyError(FileError):
    """A snapshot key is not a date, or none can be told."""

    code = "snapshot_key"
    is_usage_error = True


def file_format(path: Path) -> FileFormat | None:
    """The format by the file's ending; None where it is not one that is read."""
    name = path.name.lower()
    endings = [ending for ending in FORMATS if name.endswith(ending)]
    return FORMATS[max(endings, key=len)] if endings else None


def is_finished(path: Path) -> bool:
    """Whether the name is that of a whole file: not hidden, not a download or a copy under way."""
    return not path.name.startswith(".") and not path.name.lower().endswith(_UNFINISHED)


def scrapes_in(folder: Path) -> list[Path]:
    """The files of a folder that can be read, by name; links and folders in it are left out."""
    return sorted(
        path
        for path in folder.iterdir()
        if path.is_file() and not path.is_symlink() and is_finished(path) and file_format(path)
    )


@dataclass(frozen=True)
class FileStat:
    """What one look at a file tells: its size in bytes, and when its content and its entry last changed (ns)."""

    bytes: int
    modified_ns: int
    changed_ns: int


def list_inbox(folder: Path) -> dict[str, FileStat]:
    """What lies in an incoming folder under a finished name, by name: files of any kind, and links, which are not followed."""
    found = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        try:
            seen = path.lstat()
        except FileNotFoundError:  # taken away between the two looks
            continue
        if is_finished(path) and not stat.S_ISDIR(seen.st_mode):
            found[path.name] = FileStat(seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns)
    return found


def is_being_written(path: Path) -> bool:
    """Whether a program on this machine has the file open for writing; False where the system cannot tell."""
    if not hasattr(fcntl, "F_SETLEASE"):
        return False
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)  # what a writer that comes now sets off; it is ignored
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)  # refused while there is a writer
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as problem:
        return problem.errno == errno.EAGAIN
    finally:
        os.close(descriptor)
    return False


def check_snapshot_key(key: str) -> str:
    """Give ``key`` back; raises `SnapshotKeyError` where it is no real date of the expected form."""
    try:
        if re.fullmatch(SNAPSHOT_KEY, key) and not key.endswith("\n"):  # "$" stands before a last line break too
            datetime.fromisoformat(key[:10] + key[10:].replace("-", ":"))
            return key
    except ValueError:
        pass
    msg = f"snapshot {key!r}: expected a date such as 2023-08-12, or a time such as 2023-08-12T06-30-00Z"
    raise SnapshotKeyError(msg)


def date_in_name(path: Path) -> date | None:
    """The last real date (2023-08-12 or 20230812) in a file's name."""
    found = None
    for year, month, day in _DATE.findall(path.name):
        try:
            found = date(int(year), int(month), int(day))
        except ValueError:
            continue
    return found


def snapshot_keys(newest_dates: dict[Path, date | None], *, given: str | None = None) -> dict[Path, str]:
    """Which snapshot each file of one call belongs to.

    The given key; else the newest date in the file's rows (``newest_dates``); else the date in its name; else the
    newest key of the other files of the call. Raises `SnapshotKeyError` where none of these is there.
    """
    if given is not None:
        return dict.fromkeys(newest_dates, check_snapshot_key(given))
    told = {path: newest or date_in_name(path) for path, newest in newest_dates.items()}
    known = [day for day in told.values() if day is not None]
    keys = {}
    for path, day in told.items():
        if day is None and not known:
            msg = f"{path.name}: no date in its rows or its name; say which snapshot it is: --snapshot 2023-08-12"
            raise SnapshotKeyError(msg)
        keys[path] = (day or max(known)).isoformat()
    return keys


def safe_name(path: Path) -> str:
    """A plain name to store the file under: itself, or with odd characters replaced and a short hash added."""
    ending = max((end for end in FORMATS if path.name.lower().endswith(end)), key=len, default="")
    if _SAFE_NAME.match(path.name) and len(path.name) <= 120:
        return path.name[: len(path.name) - len(ending)] + ending  # the engine knows endings in small letters only
    stem = re.sub(r"[^A-Za-z0-9_-]+", "_", path.name[: len(path.name) - len(ending)])[:80].strip("_-") or "file"
    return f"{stem}-{hashlib.sha256(path.name.encode('utf-8', 'surrogateescape')).hexdigest()[:8]}{ending}"
