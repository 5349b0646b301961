"""The content of any file as blocks of text bytes: unpacked, decoded, and cut with an overlap.

What cannot be unpacked (7z, rar, a zip with a password, a damaged archive) is closed: nobody can say what it holds.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from enum import Enum
from pathlib import Path
from typing import IO, NamedTuple, cast

from tiktok_pipeline.privacy.spelling import SHORTEST_PLAIN_NUMBER, NamePattern, is_distinctive_word, unescaped
from tiktok_pipeline.privacy.suppression import SuppressionList

_BLOCK_BYTES = 1 << 20
_OVERLAP_BYTES = 512
"""A name at the border of two blocks is found in their overlap."""

_DEEPEST_ARCHIVE = 3
_PACKERS: dict[bytes, Callable[[IO[bytes]], IO[bytes]]] = {
    b"\x1f\x8b": lambda stream: cast("IO[bytes]", gzip.GzipFile(fileobj=stream, mode="rb")),
    b"BZh": lambda stream: cast("IO[bytes]", bz2.BZ2File(stream)),
    b"\xfd7zX": lambda stream: cast("IO[bytes]", lzma.LZMAFile(stream)),  # noqa: SIM115 - the caller closes it
}
"""What opens a packed file, by its first bytes."""

_CONTROLS = bytes({*range(32)} - set(b"\0\t\n\v\f\r\x1b"))
_MOST_CONTROLS = 0.02
"""A block of text in any encoding has no control characters; of packed bytes every tenth is one."""

_ZIP = b"PK\x03\x04"
_ZSTANDARD = b"\x28\xb5\x2f\xfd"
_UNPACK_ERRORS = (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, ValueError, RuntimeError)
_MENTIONED = re.compile(rb"(?:@|\xef\xbc\xa0)([a-z0-9._]+)")
_WORD = re.compile(rb"(?<![a-z0-9._])[a-z0-9._]{3,40}(?![a-z0-9_])")
_LONG_NUMBER = re.compile(rb"(?<![0-9])[0-9]{%d,20}(?![0-9])" % SHORTEST_PLAIN_NUMBER)
_JSON_BREAK = re.compile(rb"\\[bfnrt]")


class Presence(Enum):
    """Whether a name is in a file; "unknown" if it was not found, and a part of the file could not be searched."""

    FOUND = "found"
    ABSENT = "absent"
    UNKNOWN = "unknown"


class _Block(NamedTuple):
    """Some bytes of a file; whether they are packed in a way that cannot be undone here, or the name of a file."""

    content: bytes
    is_closed: bool = False
    is_path: bool = False

    def has(self, pattern: NamePattern) -> bool:
        return pattern.search(self.content) or (self.is_path and pattern.search_path(self.content))


def contains_name(path: Path, pattern: NamePattern) -> bool:
    """Return whether the content of a file matches, as it is or unpacked."""
    return any(block.has(pattern) for block in _file_blocks(path))


def search_name(path: Path, pattern: NamePattern) -> Presence:
    """Return whether the content of a file matches, or whether nobody can say."""
    is_closed = False
    for block in _file_blocks(path):
        if block.has(pattern):
            return Presence.FOUND
        is_closed = is_closed or block.is_closed
    return Presence.UNKNOWN if is_closed else Presence.ABSENT


def mentioned_names(path: Path, suppression: SuppressionList) -> list[str]:
    """Return the suppressed names in a file: handles behind an "@", and distinctive ones alone.

    Only hashes of them are known, so every word that may be one is hashed.
    """
    if not suppression.hashes:
        return []
    found: set[str] = set()
    for block in text_blocks(path):
        text = _JSON_BREAK.sub(b" ", unescaped(block.lower()))
        mentions = {token.rstrip(b".") for token in _MENTIONED.findall(text)}
        words = {token.rstrip(b".") for token in _WORD.findall(text)}
        numbers = set(_LONG_NUMBER.findall(text))
        distinctive = {word for word in words if is_distinctive_word(word)}
        found.update(suppression.names_among(mentions | numbers | distinctive))
    return sorted(found)


def text_blocks(path: Path) -> Iterator[bytes]:
    """Yield the content of a file: of a packed file what is in it, of any other file its bytes.

    Texts of two bytes for each character, such as UTF-16, are yielded without their zero bytes too. A file that
    cannot be unpacked is yielded as it is.
    """
    for block in _file_blocks(path):
        yield block.content


def _file_blocks(path: Path) -> Iterator[_Block]:
    with path.open("rb") as stream:
        start = stream.read(4)
        stream.seek(0)
        if start == b"PAR1":
            try:
                for content in _parquet_blocks(path):
                    yield _Block(content)
            except (OSError, ValueError):  # damaged: pyarrow's errors are of these classes
                yield from _blocks(stream, is_closed=True)
        else:
            yield from _unpacked(stream, start, depth=0)


def _unpacked(stream: IO[bytes], start: bytes, *, depth: int) -> Iterator[_Block]:
    is_packed = start == _ZIP or _opener(start) is not None
    is_closed = is_packed and depth == _DEEPEST_ARCHIVE
    try:
        if is_packed and not is_closed:
            yield from _packed_blocks(stream, start, depth=depth)
            return
        if start == _ZSTANDARD:
            import pyarrow as pa  # noqa: PLC0415 - no other file pays for it

            with pa.input_stream(stream, compression="zstd") as inner:
                yield from _blocks(inner)
            return
    except _UNPACK_ERRORS:
        is_closed = True
        stream.seek(0)
    yield from _tar_paths(stream)
    yield from _blocks(stream, is_closed=is_closed)


def _packed_blocks(stream: IO[bytes], start: bytes, *, depth: int) -> Iterator[_Block]:
    opener = _opener(start)
    if opener is None:
        yield from _zip_blocks(stream, depth=depth)
        return
    yield _Block(_gzip_name(stream), is_path=True)
    with opener(stream) as inner:
        head = inner.read(4)
        inner.seek(0)
        yield from _unpacked(inner, head, depth=depth + 1)


def _zip_blocks(stream: IO[bytes], *, depth: int) -> Iterator[_Block]:
    """Yield the names and the contents of the members; one that cannot be read does not hide the others."""
    with zipfile.ZipFile(stream) as archive:
        yield _Block(archive.comment)
        for member in archive.infolist():
            yield _Block(member.filename.encode("utf-8", "replace"), is_path=True)
            yield _Block(member.comment)
            try:
                with archive.open(member) as inner:
                    head = inner.read(4)
                with archive.open(member) as inner:
                    yield from _unpacked(inner, head, depth=depth + 1)
            except _UNPACK_ERRORS:
                yield _Block(b"", is_closed=True)


def _gzip_name(stream: IO[bytes]) -> bytes:
    """Return the name of the packed file, which a gzip header may hold in its first kilobytes."""
    header = stream.read(_OVERLAP_BYTES)
    stream.seek(0)
    has_name = len(header) > 10 and header.startswith(b"\x1f\x8b") and header[3] & 0x08
    return header[10:] if has_name else b""


def _tar_paths(stream: IO[bytes]) -> Iterator[_Block]:
    """Yield the names of the members of a tar archive; their contents are bytes of the archive."""
    header = stream.read(512)
    stream.seek(0)
    if header[257:262] == b"ustar":
        with suppress(tarfile.TarError, *_UNPACK_ERRORS), tarfile.open(fileobj=stream, mode="r:") as archive:
            for member in archive:
                yield _Block(member.name.encode("utf-8", "replace"), is_path=True)
        stream.seek(0)


def _opener(start: bytes) -> Callable[[IO[bytes]], IO[bytes]] | None:
    return next((opener for first, opener in _PACKERS.items() if start.startswith(first)), None)


def _blocks(stream: IO[bytes], *, is_closed: bool = False) -> Iterator[_Block]:
    tail = b""
    while block := stream.read(_BLOCK_BYTES):
        joined = tail + block
        is_packed = is_closed or _is_packed(joined)
        yield _Block(joined, is_packed)
        if b"\x00" in joined:
            yield _Block(joined.replace(b"\x00", b""), is_packed)
        tail = joined[-_OVERLAP_BYTES:]


def _is_packed(block: bytes) -> bool:
    """Return whether a block is no text, such as a part of an archive of another kind."""
    controls = len(block) - len(block.translate(None, _CONTROLS))
    return controls > _MOST_CONTROLS * len(block)


def _parquet_blocks(path: Path) -> Iterator[bytes]:
    import pyarrow as pa  # noqa: PLC0415 - only a Parquet file pays for it
    import pyarrow.parquet as pq  # noqa: PLC0415

    with pq.ParquetFile(path) as file:
        yield str(file.schema_arrow).encode("utf-8", "replace")
        for batch in file.iter_batches(batch_size=20_000):
            for column in batch.columns:
                cells = column.to_pylist()
                if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
                    text = "\n".join(cell for cell in cells if cell is not None)
                else:
                    text = "\n".join(map(str, cells))
                yield text.encode("utf-8", "replace")
