"""Generates CSV texts whose rows carry a check sum of their own cells, and damages them; reproducible from a seed."""

from __future__ import annotations

import codecs
import csv
import io
import random
import re
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

CHECK_SUM = "check_sum"
UNQUOTED_LINE_ENDS = "line ends unquoted"
_STYLES = ("minimal", "minimal", "minimal", "all", "nonnumeric", "backslash", "joined", "blanks", UNQUOTED_LINE_ENDS)
"""Some of the ways in which programs quote cells; "joined" and the last one do not do it right."""

_HEADERS = ("date", "account_id", "nickname", "biography", "followers", "likes")
_LETTERS = "abcdefgh   éñ"
_SPICE = ('"', '""', ",", ";", "\n", "\r\n", "\r", "|", "\t", "\\", "#", " ", '",', ',"', "\n\n", "'", "🎬")
_UNCHECKED = re.compile('["\\\\\ufeff,;|\\s]')
"""Left out of the check sum: damage inserts and removes them inside of texts, where no reader can see it."""


@dataclass
class CsvDraft:
    """A text that is being made: rows of cells, how they are written, and what was done to the text."""

    draw: random.Random
    header: list[str]
    rows: list[list[str]]
    delimiter: str = ","
    style: str = "minimal"
    line_end: str = "\n"
    encoding: str = "utf-8"
    above: str = ""
    below: str = ""
    damages: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class CsvDelivery:
    """A generated file: its bytes, the check sums of its rows, and the damages."""

    number: int
    content: bytes
    encoding: str
    header: tuple[str, ...]
    check_sums: frozenset[str]
    damages: tuple[str, ...]

    @property
    def is_intact(self) -> bool:
        """Whether nothing was done to the text."""
        return not self.damages


def check_sum(cells: Sequence[str]) -> str:
    """Return the check sum of the other cells of a row, a decimal number."""
    text = "\x1f".join(_UNCHECKED.sub("", cell).strip() for cell in cells)
    return str(zlib.crc32(text.encode("utf-8", "surrogatepass")))


def csv_delivery(number: int, seed: int) -> CsvDelivery:
    """Return the file of a number; the same number and seed give the same bytes."""
    draw = random.Random(f"csv {seed} {number}")  # noqa: S311 - the same seed makes the same file
    draft = _draft(draw)
    body = _written(draft)
    if draft.style == UNQUOTED_LINE_ENDS:
        draft.damages.append(UNQUOTED_LINE_ENDS)  # the writer does damage enough
    for _ in range(draw.choice((0, 1, 1, 1, 2, 3)) if not draft.damages else 0):
        name = draw.choice(list(DAMAGES))
        if "delimiters" in (name, *draft.damages) and draft.damages:
            continue  # a delimiter more and a delimiter less cancel each other out
        draft.damages.append(name)
        body = DAMAGES[name](draft, body)
    text = draft.above + _line(draft, draft.header) + draft.line_end + body + draft.below
    content = text.encode(draft.encoding, "surrogateescape")
    if draft.encoding == "utf-8" and draw.random() < 0.3:
        content = _bad_bytes(draft, content)
    if draft.encoding == "utf-8" and draw.random() < 0.1:
        content = codecs.BOM_UTF8 + content
    check_sums = frozenset(row[-1] for row in draft.rows)
    return CsvDelivery(number, content, draft.encoding, tuple(draft.header), check_sums, tuple(draft.damages))


def _draft(draw: random.Random) -> CsvDraft:
    columns = list(_HEADERS[: draw.randint(3, len(_HEADERS))])
    if draw.random() < 0.5:
        draw.shuffle(columns)
    style = draw.choice(_STYLES)
    delimiter = draw.choice((",", ",", ";", "\t", "|"))
    draft = CsvDraft(draw, columns, [], delimiter=delimiter, style=style)
    draft.line_end = draw.choice(("\n", "\n", "\r\n", "\r"))
    draft.encoding = draw.choice(("utf-8",) * 6 + ("utf-16", "utf-16-le"))
    place = draw.choice((len(columns), draw.randrange(len(columns) + 1)))
    spice = draw.choice((0.0, 0.03, 0.2))
    for row_number in range(draw.choice((8, 15, 40))):
        cells = [_cell(draft, column, row_number, spice) for column in columns]
        cells.insert(place, check_sum(cells))
        draft.rows.append(cells)
    columns.insert(place, CHECK_SUM)
    if draw.random() < 0.2:
        draft.above = draw.choice(
            ("Export of May\n", "# made by a tool\n", "\n\n", f"sep={delimiter}\n", "Report\n\n")
        )
    if draw.random() < 0.2:
        draft.below = draw.choice(("\nExported by tool X\n", "\n\n", "Total\n", f"Total{delimiter}12\n"))
    if style == UNQUOTED_LINE_ENDS:  # the end of the last row would be like a signature below the rows
        draft.rows[-1] = [re.sub("[\r\n]", "", cell) for cell in draft.rows[-1]]
    for row in draft.rows:  # the check sum is kept apart: its column may be anywhere
        row.append(row[place])
    return draft


def _cell(draft: CsvDraft, column: str, row_number: int, spice: float) -> str:
    draw = draft.draw
    match column:
        case "date":
            return f"2024-05-{draw.randint(1, 28):02}"
        case "account_id":
            return f"invented{row_number:03}"
        case "followers" | "likes":
            return str(draw.randrange(10**6))
    text = "".join(
        draw.choice(_SPICE) if draw.random() < spice else draw.choice(_LETTERS) for _ in range(draw.randrange(25))
    )
    if draft.style == "joined":
        text = re.sub(f"[\r\n{draft.delimiter}]", "", text)
    return text.strip() if draft.style in ("joined", "blanks") else text


def _line(draft: CsvDraft, cells: Sequence[str]) -> str:
    """Return a row as the style of the draft writes it, without its line end."""
    if draft.style == "joined":
        return draft.delimiter.join(cells)
    if draft.style == "blanks":
        quoted = [
            f'"{cell.replace(chr(34), chr(34) * 2)}"' if re.search(f'["\r\n{draft.delimiter}]', cell) else cell
            for cell in cells
        ]
        return f"{draft.delimiter} ".join(quoted)
    written = io.StringIO()
    quoting: Literal[0, 1, 2] = csv.QUOTE_ALL
    if draft.style in ("minimal", UNQUOTED_LINE_ENDS):
        quoting = csv.QUOTE_MINIMAL
    elif draft.style == "nonnumeric":
        quoting = csv.QUOTE_NONNUMERIC
    is_backslash = draft.style == "backslash"
    values: list[object] = list(cells)
    if draft.style == "nonnumeric":
        values = [int(cell) if cell.isdecimal() else cell for cell in cells]
    csv.writer(
        written,
        delimiter=draft.delimiter,
        quoting=quoting,
        lineterminator="\r\n" if draft.style != UNQUOTED_LINE_ENDS else "",
        doublequote=not is_backslash,
        escapechar="\\" if is_backslash else None,
    ).writerow(values)
    return written.getvalue().removesuffix("\r\n")


def _written(draft: CsvDraft) -> str:
    return "".join(_line(draft, row[:-1]) + draft.line_end for row in draft.rows)


# What is done to the text of the rows.


def _insert(body: str, place: int, text: str) -> str:
    return body[:place] + text + body[place:]


def _stray_quotes(draft: CsvDraft, body: str) -> str:
    for _ in range(draft.draw.choice((1, 1, 2, 2, 3, 4))):
        body = _insert(body, draft.draw.randrange(len(body) + 1), '"')
    return body


def _stray_quotes_at_cells(draft: CsvDraft, body: str) -> str:
    for _ in range(draft.draw.choice((1, 1, 2, 2, 3, 4))):
        places = [match.start() for match in re.finditer(f"[{re.escape(draft.delimiter)}\r\n]", body)]
        if places:
            body = _insert(body, draft.draw.choice(places) + draft.draw.choice((0, 1)), '"')
    return body


def _removed_quotes(draft: CsvDraft, body: str) -> str:
    for _ in range(draft.draw.choice((1, 1, 2, 3))):
        places = [match.start() for match in re.finditer('"', body)]
        if places:
            place = draft.draw.choice(places)
            body = body[:place] + body[place + 1 :]
    return body


def _blank_before_quote(draft: CsvDraft, body: str) -> str:
    places = [match.end() for match in re.finditer(f'(?:^|[{re.escape(draft.delimiter)}\r\n])(?=")', body)]
    for place in sorted(draft.draw.sample(places, min(len(places), draft.draw.choice((1, 2, 5)))), reverse=True):
        body = _insert(body, place, " ")
    return body


def _mixed_line_ends(draft: CsvDraft, body: str) -> str:
    share = draft.draw.choice((0.05, 0.5, 1.0))
    ends = draft.draw.choice((("\r",), ("\r", "\n"), ("\r\n", "\r"), ("\n", "\r\n", "\r")))
    return re.sub(
        "\r\n|\r|\n", lambda match: draft.draw.choice(ends) if draft.draw.random() < share else match[0], body
    )


def _delimiters(draft: CsvDraft, body: str) -> str:
    places = [match.start() for match in re.finditer(re.escape(draft.delimiter), body)]
    place = draft.draw.choice(places)
    if draft.draw.random() < 0.5:
        return _insert(body, place, draft.delimiter)
    return body[:place] + body[place + 1 :]


def _joined_lines(draft: CsvDraft, body: str) -> str:
    match = draft.draw.choice(list(re.finditer("\r\n|\r|\n", body))[:-1] or [re.search("$", body)])
    assert match is not None  # noqa: S101 - each text has an end
    return body[: match.start()] + body[match.end() :]


def _truncated(draft: CsvDraft, body: str) -> str:
    """Cut in the last row, before its last cell.

    A shorter last cell cannot be seen: a text cut between the two quotes of a doubled one, for instance, is a text
    that another writer makes, which ends the last row without a line end.
    """
    if draft.damages.count("truncated") > 1:
        return body
    draft.below = ""
    text = body.rstrip("\r\n")
    last_cell = len(text)
    for _ in range(1 + draft.rows[-1][-2].count(draft.delimiter)):
        last_cell = max(text.rfind(draft.delimiter, 0, last_cell), 0)
    start = max(text.rfind("\n", 0, last_cell), text.rfind("\r", 0, last_cell)) + 1
    end = text.find(draft.delimiter, start) if '"' in text[start:] else last_cell
    return body[: draft.draw.randint(start, end)] if start < end else body


def _blank_lines(draft: CsvDraft, body: str) -> str:
    end = draft.line_end
    return body.replace(end, end + draft.draw.choice((end, f" {end}")), draft.draw.choice((1, 3)))


def _header_again(draft: CsvDraft, body: str) -> str:
    line = _line(draft, draft.header) + draft.line_end
    return draft.draw.choice((line + body, body + line if body.endswith(("\r", "\n")) else line + body))


def _nothing(_draft: CsvDraft, body: str) -> str:
    return body


def _bad_bytes(draft: CsvDraft, content: bytes) -> bytes:
    draft.damages.append("bad bytes")
    start = len(f"{draft.above}{_line(draft, draft.header)}{draft.line_end}".encode())
    for _ in range(draft.draw.choice((1, 1, 3))):
        places = [place for place in range(start, len(content) - len(draft.below.encode())) if content[place] < 0x80]
        place = draft.draw.choice(places)  # not before a byte that may complete a character
        bad = draft.draw.choice((b"\xff", b"\xc3", b"\xe2\x82", b"\xf0\x9f"))
        content = content[:place] + bad + content[place:]
    return content


DAMAGES: dict[str, Callable[[CsvDraft, str], str]] = {
    "stray quotes": _stray_quotes,
    "stray quotes at cells": _stray_quotes_at_cells,
    "removed quotes": _removed_quotes,
    "blank before a quote": _blank_before_quote,
    "mixed line ends": _mixed_line_ends,
    "delimiters": _delimiters,
    "joined lines": _joined_lines,
    "truncated": _truncated,
    "blank lines": _blank_lines,
    "header again": _header_again,
}
"""What may be done to the rows of a text."""
