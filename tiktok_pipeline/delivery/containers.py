"""Unpack what a delivery comes in: gzip streams and zip archives, recognized by their first bytes.

Nothing is written to disk. Everything is unpacked once, up to the limit, before a reader gets it.
"""

from __future__ import annotations

import gzip
import io
import lzma
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Literal, cast

from tiktok_pipeline.delivery.tables import ByteSource
from tiktok_pipeline.safe_text import visible_name
from tiktok_pipeline.warehouse.base import UnreadableFileError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MOST_MEMBERS = 1_000
"""A delivery with more files in its archives, and sheets in its workbooks, is none."""

_LARGEST_DIRECTORY_BYTES = 4096 * MOST_MEMBERS
"""The list of the members of a zip archive takes no more: the longest path has 4,096 bytes."""

MOST_LAYERS = 3
"""How deep archives may be nested: a gzipped zip with gzipped members has three layers."""

ContentType = Literal["gzip", "zip", "xlsx", "parquet", "text", "empty"]

_BLOCK_BYTES = 1 << 20
_HEAD_BYTES = 4096
_GZIP, _ZIP, _PARQUET = b"\x1f\x8b", (b"PK\x03\x04", b"PK\x05\x06"), b"PAR1"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OTHER_TYPES: Sequence[tuple[bytes, str, str]] = (
    (b"BZh", "a bzip2 archive", "unpack it and deliver what it holds"),
    (b"\xfd7zXZ\x00", "an xz archive", "unpack it and deliver what it holds"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive", "unpack it and deliver what it holds"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "unpack it and deliver what it holds"),
    (b"Rar!", "a RAR archive", "unpack it and deliver what it holds"),
    (b"%PDF", "a PDF document", "export the table as CSV"),
    (b"SQLite format 3\x00", "an SQLite database", "export the table as CSV"),
    (b"ORC", "an ORC file", "export the table as Parquet or CSV"),
    (b"Obj\x01", "an Avro file", "export the table as Parquet or CSV"),
    (b"ARROW1", "an Arrow file", "write it as Parquet"),
    (b"\x89PNG", "an image", "export the table as CSV"),
    (b"\xff\xd8\xff", "an image", "export the table as CSV"),
)
_UNPACK_ERRORS = (EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, RuntimeError)
_HIDDEN_NAMES = frozenset({"thumbs.db", "desktop.ini"})


@dataclass(frozen=True, kw_only=True)
class Member:
    """A file inside a zip archive: its name, its unpacked bytes, and its entry in the archive."""

    name: str
    source: ByteSource
    entry: zipfile.ZipInfo


class UnpackBudget:
    """How many bytes and files of one delivery may still be unpacked; all members and layers share it.

    Attributes
    ----------
    largest_bytes : int or None
        The limit for all bytes.
    is_exceeded : bool
        Whether the delivery has more than it may have: nothing else of it counts then.
    """

    def __init__(self, name: str, largest_bytes: int | None) -> None:
        self._name = name
        self.largest_bytes = largest_bytes
        self.is_exceeded = False
        self._left = largest_bytes
        self._members = 0

    def count_members(self, count: int) -> None:
        """Count the files of an archive or the sheets of a workbook; raise `UnreadableFileError` if too many."""
        is_first = self._members == 0
        self._members += count
        if self._members > MOST_MEMBERS:
            self.is_exceeded = True
            found = f"{count} files in the archive" if is_first else f"more than {MOST_MEMBERS} files in its archives"
            raise UnreadableFileError(
                f"{self._name}: {found}, expected at most {MOST_MEMBERS}", remedy="deliver the files themselves"
            )

    def spend(self, n_bytes: int) -> None:
        """Count unpacked bytes; raise `UnreadableFileError` if they exceed the limit."""
        if self._left is None or self.largest_bytes is None:
            return
        self._left -= n_bytes
        if self._left < 0:
            self.is_exceeded = True
            raise too_large(self._name, self.largest_bytes)

    def check(self, source: ByteSource, name: str) -> bytes:
        """Unpack a source to its end, up to the limit.

        Returns
        -------
        bytes
            The first bytes, for `content_type`.

        Raises
        ------
        UnreadableFileError
            If it holds more than the limit, or is damaged.
        """
        head = b""
        try:
            with source() as stream:
                while block := stream.read(_BLOCK_BYTES):
                    head = head or block[:_HEAD_BYTES]
                    self.spend(len(block))
        except (*_UNPACK_ERRORS, gzip.BadGzipFile) as error:
            raise UnreadableFileError(
                f"{name}: the archive is truncated or damaged", remedy="copy the file again"
            ) from error
        return head


def too_large(name: str, largest_bytes: int) -> UnreadableFileError:
    """Return the error of a delivery that exceeds the limit once unpacked."""
    return UnreadableFileError(
        f"{name}: larger than the limit of {largest_bytes / 1e9:,.3g} GB when decompressed",
        remedy="raise TIKTOK_PIPELINE_LARGEST_FILE if the file is correct",
    )


class _Unpacked(io.RawIOBase):
    """The unpacked bytes of a stream, which closes with it everything that it reads from."""

    def __init__(self, stream: IO[bytes], *owners: IO[bytes] | zipfile.ZipFile) -> None:
        self._stream = stream
        self._owners = owners

    @classmethod
    def open(cls, stream: IO[bytes], *owners: IO[bytes] | zipfile.ZipFile) -> IO[bytes]:
        return cast("IO[bytes]", io.BufferedReader(cls(stream, *owners), _BLOCK_BYTES))

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer)
        block = self._stream.read(len(view))
        view[: len(block)] = block
        return len(block)

    def close(self) -> None:
        for opened in (self._stream, *self._owners):
            opened.close()
        super().close()


def _has_descriptor(stream: IO[bytes]) -> bool:
    try:
        return stream.fileno() >= 0
    except OSError:
        return False


def content_type(source: ByteSource, name: str, head: bytes | None = None) -> ContentType:
    """Return what a file is, judged by its first bytes.

    Parameters
    ----------
    source : callable
        Opens the bytes.
    name : str
        The file for messages; its ending is not looked at.
    head : bytes, optional
        The first bytes, where they are known: to open a member of a large archive takes milliseconds.

    Raises
    ------
    UnreadableFileError
        If it is of a type that holds no table, or is encrypted.
    """
    if head is None:
        with source() as stream:
            head = stream.read(_HEAD_BYTES)
    if not head:
        return "empty"
    if head.startswith(_GZIP):
        return "gzip"
    if head.startswith(_PARQUET):
        return "parquet"
    if head.startswith(_ZIP):
        return "xlsx" if _is_workbook(source, name) else "zip"
    if head.startswith(_OLE):
        raise _ole_error(source, name)
    for magic, description, remedy in _OTHER_TYPES:
        if head.startswith(magic):
            raise UnreadableFileError(f"{name}: {description}, not a table", remedy=remedy)
    if head[257:262] == b"ustar":
        raise UnreadableFileError(f"{name}: a tar archive, not a table", remedy="unpack it and deliver what it holds")
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith((b"<!doctype", b"<html", b"<table", b"<?xml")):
        raise UnreadableFileError(f"{name}: a web page or XML, not a table", remedy="download the file itself")
    return "text"


def gunzipped(source: ByteSource) -> ByteSource:
    """Return a source of the unpacked bytes of a gzip stream."""

    def open_unpacked() -> IO[bytes]:
        packed = source()
        return _Unpacked.open(cast("IO[bytes]", gzip.GzipFile(fileobj=packed)), packed)

    return open_unpacked


def open_seekable(source: ByteSource) -> IO[bytes]:
    """Open a source for random access: a packed one is unpacked into a temporary file without a name."""
    stream = source()
    if stream.seekable() and _has_descriptor(stream):
        return stream
    copy = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    with stream:
        shutil.copyfileobj(stream, copy, _BLOCK_BYTES)
    copy.seek(0)
    return cast("IO[bytes]", copy)


def zip_members(source: ByteSource, name: str, budget: UnpackBudget) -> list[Member]:
    """Return the files inside a zip archive, without folders and hidden files.

    Parameters
    ----------
    source : callable
        Opens the archive.
    name : str
        The archive for messages.
    budget : UnpackBudget
        Counts the members; nothing is unpacked.

    Raises
    ------
    UnreadableFileError
        If the archive is damaged, encrypted, has too many members, or a member that is a link or has a name that
        leads out of the archive.
    """
    entries = _zip_entries(source, name)
    budget.count_members(len(entries))
    members = []
    names: set[str] = set()
    for entry in entries:
        _check_entry(entry, name)
        if entry.is_dir() or _is_hidden(entry.filename):
            continue
        if entry.filename in names:
            raise UnreadableFileError(
                f"{name}: two files {visible_name(entry.filename)} in the archive", remedy="remove one of them"
            )
        names.add(entry.filename)
        members.append(Member(name=entry.filename, source=_member_source(source, entry), entry=entry))
    return members


def check_members(source: ByteSource, members: Sequence[Member], name: str, budget: UnpackBudget) -> list[bytes]:
    """Unpack every member to its end, up to the limit, and return the first bytes of each.

    The archive is opened once: to open it takes as long as it has members.

    Raises
    ------
    UnreadableFileError
        If the members hold more than the limit, or one is damaged.
    """
    with open_seekable(source) as stream, zipfile.ZipFile(stream) as archive:
        return [budget.check(lambda entry=member.entry: archive.open(entry), name) for member in members]  # type: ignore[misc]


class _Listed:
    """The bytes of a zip archive, of which the list of its members is read at once: refused if it is too long."""

    def __init__(self, stream: IO[bytes], name: str) -> None:
        self._stream = stream
        self._name = name
        self.seek, self.tell = stream.seek, stream.tell

    def read(self, size: int = -1) -> bytes:
        if size > _LARGEST_DIRECTORY_BYTES:
            raise UnreadableFileError(
                f"{self._name}: a list of {size // 1000} kB of the files in the archive, expected at most "
                f"{MOST_MEMBERS} files",
                remedy="deliver the files themselves",
            )
        return self._stream.read(size)


def _zip_entries(source: ByteSource, name: str) -> list[zipfile.ZipInfo]:
    try:
        with open_seekable(source) as stream, zipfile.ZipFile(cast("IO[bytes]", _Listed(stream, name))) as archive:
            return archive.infolist()
    except (*_UNPACK_ERRORS, ValueError, UnicodeError) as error:
        raise UnreadableFileError(
            f"{name}: the zip archive is truncated or damaged", remedy="copy the file again"
        ) from error


def _check_entry(entry: zipfile.ZipInfo, name: str) -> None:
    shown = visible_name(entry.filename)[:100]
    path = PurePosixPath(entry.filename.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in path.parts[0:1] or entry.filename[1:2] == ":":
        raise UnreadableFileError(
            f"{name}: the name {shown} leads out of the archive", remedy="do not trust this archive; pack it again"
        )
    if stat.S_ISLNK(entry.external_attr >> 16):
        raise UnreadableFileError(f"{name}: {shown} in the archive is a link", remedy="pack the file itself")
    if entry.flag_bits & 0x1:
        raise UnreadableFileError(
            f"{name}: the archive is encrypted", remedy="unpack it with its password and deliver what it holds"
        )


def _is_hidden(filename: str) -> bool:
    parts = PurePosixPath(filename).parts
    return "__MACOSX" in parts or parts[-1].startswith(".") or parts[-1].lower() in _HIDDEN_NAMES


def _member_source(source: ByteSource, entry: zipfile.ZipInfo) -> ByteSource:
    def open_member() -> IO[bytes]:
        packed = open_seekable(source)
        archive = zipfile.ZipFile(packed)
        return _Unpacked.open(archive.open(entry), archive, packed)

    return open_member


def _is_workbook(source: ByteSource, name: str) -> bool:
    names = {entry.filename for entry in _zip_entries(source, name)}
    if "xl/workbook.bin" in names or any(entry.startswith("content.xml") for entry in names):
        raise UnreadableFileError(
            f"{name}: a spreadsheet in a format that is not read", remedy="save it as .xlsx or CSV"
        )
    return "[Content_Types].xml" in names and any(entry.startswith("xl/") for entry in names)


def _ole_error(source: ByteSource, name: str) -> UnreadableFileError:
    marker = "EncryptedPackage".encode("utf-16-le")
    with source() as stream:
        tail = b""
        while block := stream.read(_BLOCK_BYTES):
            if marker in tail + block:
                return UnreadableFileError(
                    f"{name}: the workbook is encrypted", remedy="save it without a password and deliver it again"
                )
            tail = block[-len(marker) :]
    return UnreadableFileError(f"{name}: an old Excel workbook (.xls)", remedy="save it as .xlsx or CSV")


def path_source(path: Path) -> ByteSource:
    """Return a source of the bytes of a file."""

    def open_path() -> IO[bytes]:
        return path.open("rb")

    return open_path
