"""Read the physical lines of a text with their numbers, in bounded memory."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Sequence

from tiktok_pipeline.delivery.tables import ByteSource
from tiktok_pipeline.delivery.text_encoding import TextEncoding, open_decoded
from tiktok_pipeline.text_files import LONGEST_CELL_BYTES

_LINE_END = re.compile("\r\n|\r|\n")
LONGEST_LINE = 16 * LONGEST_CELL_BYTES
"""Characters of a line that are kept; a longer one is damaged."""


class PhysicalLines:
    """The lines of a text with their numbers; a line ends with a line feed, a carriage return, or both.

    Lines that were read ahead can be given back. Of a line of more than 16 million characters only the start is kept.
    """

    def __init__(self, source: ByteSource, encoding: TextEncoding) -> None:
        self._text = open_decoded(source, encoding)
        self._given_back: deque[tuple[int, str]] = deque()
        self._number = 0

    def __iter__(self) -> Iterator[tuple[int, str]]:
        return self

    def __next__(self) -> tuple[int, str]:
        if self._given_back:
            return self._given_back.popleft()
        line = "" if self._text.closed else self._text.readline(LONGEST_LINE)
        if not line:
            self._text.close()
            raise StopIteration
        if len(line) == LONGEST_LINE and not line.endswith(("\n", "\r")):
            self._skip_rest()
        self._number += 1
        return self._number, line

    def give_back(self, lines: list[tuple[int, str]]) -> None:
        """Return lines that were read ahead, in their order."""
        self._given_back.extendleft(reversed(lines))

    def _skip_rest(self) -> None:
        while (part := self._text.readline(LONGEST_LINE)) and not part.endswith(("\n", "\r")):
            pass


def ends_otherwise(line: str, above: str) -> bool:
    """Return whether two lines have different line ends: one of them may be inside a text that is not quoted."""
    ends = {text[len(text.rstrip("\r\n")) :] for text in (line, above)} - {""}
    return len(ends) > 1


def parts_of_lines(cells: Sequence[str], n_lines: int) -> list[str]:
    """Return what each line of a record has of its cells of several lines."""
    parts = [""] * n_lines
    line = 0
    for cell in cells:
        first, *others = _LINE_END.split(cell)
        if others:
            parts[line] += first
        for part in others:
            line += 1
            parts[line] += part
    return parts
