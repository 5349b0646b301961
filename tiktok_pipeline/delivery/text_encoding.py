"""Find the encoding of a delivered text from its content, and decode it so that a bad byte stays where it is."""

from __future__ import annotations

import codecs
import io
import re
from dataclasses import dataclass
from typing import IO, cast

from charset_normalizer import from_bytes

from tiktok_pipeline.delivery.csv_strict import is_valid_utf8
from tiktok_pipeline.delivery.tables import ByteSource

BAD_BYTES = "\udc80"
"""What bytes become that are not valid in the encoding: half a character, which no valid text holds."""

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # starts with the mark of UTF-16
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CANDIDATES = [
    "cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp1258", "cp850", "cp437",
    "mac_roman", "koi8_r", "shift_jis", "cp932", "euc_jp", "gb18030", "big5", "euc_kr", "cp949", "iso8859_2",
    "iso8859_5", "iso8859_7", "iso8859_9",
]  # fmt: skip
_LATIN = ("cp1252", "cp1250", "mac_roman", "cp850", "cp437", "cp1254", "cp1257", "iso8859_2", "iso8859_9")
_BLOCK_BYTES = 1 << 20
_SAMPLE_BYTES = 1 << 16
_HEAD_BYTES = 4096
_MARKING = "tiktok_pipeline.mark_bad_bytes"
_NOT_ASCII = re.compile(rb"[^\n\r]*[\x80-\xff][^\n\r]*")
_SEQUENCE = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_WORD_LETTER = re.compile(
    rb"[A-Za-z\x80-\xff][\x80-\xff]|[\x80-\xff][A-Za-z]|(?<=[0-9])[\xa0\x92\xca\xd5](?=[0-9]{3})"
)
"""Part of a word, or what spreadsheets write between thousands: a blank that does not break, or an apostrophe."""
_FEWEST_LINES = 3
_FEWEST_LETTERS = 6
_UNLIKELY = re.compile(
    "[^\\W\\d_][^\x00-\x7f\\w\\s\u2018-\u201d\u2026\u2013\u2014\u20ac\xb7\xb4\u2122\xae\xa9]"
    "|[a-z][\xc0-\xde\u0152\u0160\u0178\u017d]|[0-9][\xc0-\u024f][0-9]"
)
"""A letter before a symbol or between digits, or a small letter before a western capital: a wrong encoding."""


@dataclass(frozen=True)
class TextEncoding:
    """An encoding of a text.

    Attributes
    ----------
    codec : str
        Name of Python's codec.
    mark : bytes
        The byte order mark at the start; empty if the text has none.
    """

    codec: str
    mark: bytes = b""

    @property
    def name(self) -> str:
        """The name for people: "utf-16" without the order of bytes."""
        return self.codec.removesuffix("-le").removesuffix("-be").replace("_", "-")


def find_encoding(source: ByteSource) -> TextEncoding | None:
    """Return the encoding of a text; None if the text is in none that is known.

    A byte order mark decides, then the places of zero bytes (UTF-16). Any other text is UTF-8 if most of its
    characters beyond ASCII are valid there: bytes that are not valid are damage then. What is left is given to
    charset-normalizer, as a sample of at most 64 kB.

    Parameters
    ----------
    source : callable
        Opens the bytes; they are read to their end, in blocks.
    """
    with source() as stream:
        head = stream.read(_HEAD_BYTES)
    if (encoding := encoding_of_head(head)) is not None:
        return encoding
    with source() as stream:
        sample = _lines_beyond_ascii(stream)
    return TextEncoding("utf-8") if sample.is_utf8 else _legacy_encoding(sample)


def find_legacy_encoding(source: ByteSource) -> TextEncoding | None:
    """Return the encoding of a text that is certainly not UTF-8; None if none is known."""
    with source() as stream:
        sample = _lines_beyond_ascii(stream)
    found = _legacy_encoding(sample)
    return TextEncoding("cp1252") if found == TextEncoding("utf-8") else found


def latin_encodings() -> tuple[TextEncoding, ...]:
    """Return the encodings of Latin letters that are confused with each other in a short text."""
    return tuple(map(TextEncoding, _LATIN))


def encoding_of_head(head: bytes) -> TextEncoding | None:
    """Return the encoding that a byte order mark or the zero bytes of UTF-16 show; None without such a sign."""
    for mark, codec in _MARKS:
        if head.startswith(mark):
            return TextEncoding(codec, mark)
    for start in (head, head[:64]):  # the header is often ASCII, whatever the rows are
        pairs = len(start) // 2
        even, odd = start[0 : 2 * pairs : 2].count(0), start[1 : 2 * pairs : 2].count(0)
        if pairs and max(even, odd) > 0.3 * pairs and min(even, odd) < 0.02 * pairs:
            return TextEncoding("utf-16-le" if odd > even else "utf-16-be")
    return None


def open_decoded(source: ByteSource, encoding: TextEncoding) -> io.TextIOWrapper:
    """Open a text without its byte order mark; line ends are kept, bytes that are not valid become `BAD_BYTES`."""
    stream = source()
    stream.read(len(encoding.mark))
    readable = cast("IO[bytes]", _Readable(stream))
    return io.TextIOWrapper(readable, encoding=encoding.codec, errors=_MARKING, newline="")


class _Readable(io.BufferedIOBase):
    """Any binary file as the text reader of the standard library expects it."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def read1(self, size: int = -1, /) -> bytes:
        return self._stream.read(size)

    def read(self, size: int | None = -1, /) -> bytes:
        return self._stream.read(-1 if size is None else size)

    def close(self) -> None:
        self._stream.close()
        super().close()


def _mark_bad_bytes(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return BAD_BYTES, error.end


codecs.register_error(_MARKING, _mark_bad_bytes)


@dataclass
class _Sample:
    """The lines of a text that are not ASCII, and how many of their characters are valid UTF-8."""

    lines: bytes = b""
    sequences: int = 0
    bad_bytes: int = 0
    letters: int = 0
    lines_with_letters: int = 0

    @property
    def is_utf8(self) -> bool:
        """Whether the bytes that are not valid are damage of a UTF-8 text, not letters of another encoding."""
        is_word = self.letters >= _FEWEST_LETTERS and self.lines_with_letters >= _FEWEST_LINES
        return not self.bad_bytes or 2 * self.sequences >= self.bad_bytes or not is_word


def _lines_beyond_ascii(stream: IO[bytes]) -> _Sample:
    sample = _Sample()
    rest = b""
    while block := stream.read(_BLOCK_BYTES):
        data = rest + block
        cut = data.rfind(b"\n") + 1 or len(data)
        rest = data[cut:]
        _add(sample, data[:cut])
    _add(sample, rest)
    return sample


def _add(sample: _Sample, data: bytes) -> None:
    """Count the characters beyond ASCII of some lines."""
    if data.isascii():
        return
    if is_valid_utf8(data):
        sample.sequences += sum(byte >= 0xC2 for byte in data[:_SAMPLE_BYTES]) + 1
        return
    for match in _NOT_ASCII.finditer(data):
        line = match[0]
        rest, sequences = _SEQUENCE.subn(b"", line)
        sample.sequences += sequences
        bad = sum(byte >= 0x80 for byte in rest)
        letters = len(_WORD_LETTER.findall(rest))
        sample.bad_bytes += bad
        sample.letters += letters
        sample.lines_with_letters += letters > 0
        if bad and len(sample.lines) < _SAMPLE_BYTES:
            sample.lines += line[:_HEAD_BYTES] + b"\n"


def _legacy_encoding(sample: _Sample) -> TextEncoding | None:
    """Return the encoding of lines that are not UTF-8."""
    matches = from_bytes(sample.lines, cp_isolation=_CANDIDATES)
    best = matches.best()
    if best is None:
        return None
    # In a short sample the detector confuses the encodings of Latin letters with each other.
    equal = {match.encoding for match in matches if (match.chaos, match.coherence) == (best.chaos, best.coherence)}
    codec = "cp1252" if "cp1252" in equal else best.encoding
    names = [codec, *_LATIN] if codec in _LATIN else [codec]
    codec = min(names, key=lambda name: _unlikely_characters(sample.lines, name))
    if sample.lines.decode("cp1252", "replace") == sample.lines.decode(codec, "replace"):
        codec = "cp1252"
    is_text = 5 * _unlikely_characters(sample.lines, codec) <= sample.letters
    return TextEncoding(codec if is_text or sample.sequences or len(sample.lines) > _SAMPLE_BYTES else "utf-8")


def _unlikely_characters(lines: bytes, codec: str) -> int:
    text = lines.decode(codec, "replace")
    control = sum("\x7f" < character < "\xa0" for character in text)
    return len(_UNLIKELY.findall(text)) + text.count("\ufffd") + control
