"""The content of any file as blocks of text bytes: unpacked, decoded, and cut with an overlap."""

from __future__ import annotations

import bz2
import gzip
import lzma
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, cast

from tiktok_pipeline.privacy.spelling import NamePattern, is_distinctive_word, unescaped
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

_ZSTANDARD = b"\x28\xb5\x2f\xfd"
_MENTIONED = re.compile(rb"(?:@|\xef\xbc\xa0)([a-z0-9._]+)")
_WORD = re.compile(rb"(?<![a-z0-9._])[a-z0-9._]{3,40}(?![a-z0-9_])")
_JSON_BREAK = re.compile(rb"\\[bfnrt]")


def contains_name(path: Path, pattern: NamePattern) -> bool:
    """Return whether the content of a file matches, as it is or unpacked."""
    return any(pattern.search(block) for block in text_blocks(path))


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
        found.update(suppression.names_among(mentions | {word for word in words if is_distinctive_word(word)}))
    return sorted(found)


def text_blocks(path: Path) -> Iterator[bytes]:
    """Yield the content of a file: of a packed file what is in it, of any other file its bytes.

    Texts of two bytes for each character, such as UTF-16, are yielded without their zero bytes too. A file that
    cannot be unpacked is yielded as it is.
    """
    with path.open("rb") as stream:
        start = stream.read(4)
        stream.seek(0)
        if start == b"PAR1":
            try:
                yield from _parquet_blocks(path)
            except (OSError, ValueError):  # damaged: pyarrow's errors are of these classes
                yield from _blocks(stream)
        else:
            yield from _unpacked(stream, start, depth=0)


def _unpacked(stream: IO[bytes], start: bytes, *, depth: int) -> Iterator[bytes]:
    try:
        if (opener := _opener(start)) and depth < _DEEPEST_ARCHIVE:
            with opener(stream) as inner:
                head = inner.read(4)
                inner.seek(0)
                yield from _unpacked(inner, head, depth=depth + 1)
            return
        if start == _ZSTANDARD:
            import pyarrow as pa  # noqa: PLC0415 - no other file pays for it

            with pa.input_stream(stream, compression="zstd") as inner:
                yield from _blocks(inner)
            return
        if start == b"PK\x03\x04" and depth < _DEEPEST_ARCHIVE:
            with zipfile.ZipFile(stream) as archive:
                for member in archive.namelist():
                    yield member.encode("utf-8", "replace")
                    with archive.open(member) as inner:
                        head = inner.read(4)
                    with archive.open(member) as inner:
                        yield from _unpacked(inner, head, depth=depth + 1)
            return
    except (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, ValueError, RuntimeError):
        stream.seek(0)
    yield from _blocks(stream)


def _opener(start: bytes) -> Callable[[IO[bytes]], IO[bytes]] | None:
    return next((opener for first, opener in _PACKERS.items() if start.startswith(first)), None)


def _blocks(stream: IO[bytes]) -> Iterator[bytes]:
    tail = b""
    while block := stream.read(_BLOCK_BYTES):
        joined = tail + block
        yield joined
        if b"\x00" in joined:
            yield joined.replace(b"\x00", b"")
        tail = joined[-_OVERLAP_BYTES:]


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
