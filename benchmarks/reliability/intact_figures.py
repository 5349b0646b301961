"""Deliveries that are odd in quotes, container or formats only: a creator's counts stay what the handle says.

The counts of a generated creator are a function of the handle. After a refresh, whoever has other counts has another
creator's.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
import re
import zipfile
from collections.abc import Callable, Mapping, Sequence

from benchmarks.reliability.draft import FIGURES, Draft, figures_of, packed

DAMAGES_WITH_FIGURES = frozenset({"none", "quotes", "container", "formats"})
"""The damages after which every count that a row has must be its creator's own."""

_HANDLE = re.compile("creator[0-9]{5}")


def wrong_figures(rows: Sequence[tuple[object, ...]]) -> list[str]:
    """List the creators with another's counts.

    Parameters
    ----------
    rows : sequence of tuple
        Handle and the counts of `FIGURES`, None for a missing one.
    """
    wrong = []
    for handle, *counts in rows:
        if not _HANDLE.fullmatch(str(handle)):
            wrong.append(f"a creator of no record: {str(handle)[:40]!r}")
            continue
        own = figures_of(str(handle))
        differ = [name for name, count in zip(FIGURES, counts, strict=True) if count not in (None, own[name])]
        if differ:
            wrong.append(f"{handle} has another's {', '.join(differ)}")
    return wrong


# Quotes.


def odd_quotes(draft: Draft, text: bytes) -> bytes:
    """Stray and missing quotes, and the ways in which programs wrap cells."""
    draw = draft.draw
    lines = text.decode().splitlines()
    match draw.choice(("stray", "stray", "at cells", "removed", "formulas", "lines", "backslash", "blanks")):
        case "stray":
            for _ in range(draw.choice((1, 2, 2, 3))):
                place = draw.randrange(1, len(lines))
                inside = draw.randrange(len(lines[place]) + 1)
                lines[place] = f'{lines[place][:inside]}"{lines[place][inside:]}'
        case "at cells":
            for _ in range(draw.choice((1, 2, 2, 4))):
                place = draw.randrange(1, len(lines))
                cells = lines[place].split(draft.delimiter)
                at = draw.randrange(len(cells))
                cells[at] = draw.choice((f'"{cells[at]}', f'{cells[at]}"'))
                lines[place] = draft.delimiter.join(cells)
        case "removed":
            whole = "\n".join(lines)
            place = whole.rfind('"', 0, draw.randrange(len(whole)))
            lines = [whole if place < len(lines[0]) else whole[:place] + whole[place + 1 :]]
        case "formulas":
            return _written(draft, lambda cell: f'="{cell}"' if cell.isdecimal() else _quoted(cell))
        case "lines":
            return _written(draft, _minimal, lambda line: f'"{line.replace(chr(34), chr(34) * 2)}"')
        case "backslash":
            return _written(draft, lambda cell: '"' + cell.replace('"', '\\"') + '"')
        case "blanks":
            return _written(draft, lambda cell: f' "{cell.replace(chr(34), chr(34) * 2)}"')
    return ("\n".join(lines) + "\n").encode()


def _quoted(cell: str) -> str:
    return f'"{cell.replace(chr(34), chr(34) * 2)}"'


def _minimal(cell: str) -> str:
    written = io.StringIO()
    csv.writer(written, lineterminator="").writerow([cell.replace("\n", " "), ""])
    return written.getvalue().removesuffix(",")


def _written(draft: Draft, write: Callable[[str], str], wrap: Callable[[str], str] = str) -> bytes:
    rows = [draft.header, *draft.rows]
    delimiter = "," if wrap is not str else draft.delimiter
    return "".join(f"{wrap(delimiter.join(map(write, row)))}\n" for row in rows).encode()


# Containers.


def odd_container(draft: Draft, content: bytes) -> bytes:
    """Pack a file in a way that its name does not say."""
    draw = draft.draw
    text = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    forms: list[Callable[[Draft, bytes], bytes]] = [_zipped, _zipped_in_parts, _twice_packed, _workbook]
    if draft.ending != ".parquet":
        forms += [_utf_16, _utf_16]
    forms += [_wrapped_json, _columns_json]
    return draw.choice(forms)(draft, text)


def _zipped(draft: Draft, text: bytes) -> bytes:
    members = {
        f"folder/data{draft.ending.removesuffix('.gz')}": text,
        "__MACOSX/._data": b"\x00\x05",
        "notes.png": b"x",
    }
    return _archive(draft.draw, members)


def _zipped_in_parts(draft: Draft, _text: bytes) -> bytes:
    half = len(draft.rows) // 2
    parts = [
        json.dumps([dict(zip(draft.header, row, strict=True)) for row in rows]).encode()
        for rows in (draft.rows[:half], draft.rows[half:])
    ]
    # Members are tables of their own: one of them is enough for a delivery of one file.
    return _archive(draft.draw, {"all.json": b"[" + b",".join(part[1:-1] for part in parts) + b"]"})


def _archive(draw: random.Random, members: Mapping[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", draw.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return target.getvalue()


def _twice_packed(_draft: Draft, text: bytes) -> bytes:
    return packed(packed(text))


def _utf_16(_draft: Draft, text: bytes) -> bytes:
    return text.decode().encode("utf-16")


def _workbook(draft: Draft, _text: bytes) -> bytes:
    from openpyxl import Workbook  # noqa: PLC0415 - few deliveries are workbooks

    workbook = Workbook(write_only=True)
    sheet = workbook.create_sheet("Data")
    for row in draft.draw.choice(([["Report"], []], [])):
        sheet.append(row)
    sheet.append(draft.header)
    counts = {draft.place(name) for name in FIGURES}
    for row in draft.rows:
        sheet.append([int(cell) if place in counts else cell for place, cell in enumerate(row)])
    target = io.BytesIO()
    workbook.save(target)
    return target.getvalue()


def _wrapped_json(draft: Draft, _text: bytes) -> bytes:
    records = [dict(zip(draft.header, row, strict=True)) for row in draft.rows]
    documents: tuple[object, ...] = (
        {"status": "ok", "data": records},
        {"columns": draft.header, "data": draft.rows},
        {str(place): record for place, record in enumerate(records)},
        [{"page": 1, "data": records[:9]}, {"page": 2, "data": records[9:]}],
        {"data": {"edges": [{"node": record} for record in records]}},
    )
    return json.dumps(draft.draw.choice(documents), indent=draft.draw.choice((None, 1))).encode()


def _columns_json(draft: Draft, _text: bytes) -> bytes:
    columns = {
        name: {str(at): row[place] for at, row in enumerate(draft.rows)} for place, name in enumerate(draft.header)
    }
    return json.dumps(columns).encode()


# Formats.

_COUNT_FORMATS: tuple[Callable[[int], str], ...] = (
    lambda count: f"{count:,}",
    lambda count: f"{count:,}".replace(",", "."),
    lambda count: f"{count:,}".replace(",", " "),
    lambda count: f"{count:,}".replace(",", "\u202f"),
    lambda count: f"{count:,}".replace(",", "’"),
    lambda count: f"{count:_}",
    lambda count: f"{count}.0",
    lambda count: f"{count},0",
    lambda count: f"{count} followers",
    lambda count: f"+{count}",
    lambda count: f"{count:.10E}",
    lambda count: f"{count / 1000:.3f}K",
    lambda count: f"{count / 1_000_000:.6f} Mio.".replace(".", ",", 1),
)
"""None of them rounds."""

_MISSING = ("", "nan", "N/A", "<NA>", "\\N", "undefined", "-", "#N/A", "NULL", "k.A.")


def odd_formats(draft: Draft) -> None:
    """Write each column of counts in a format of its own, and leave some cells out."""
    draw = draft.draw
    for name in FIGURES:
        place = draft.place(name)
        if place is None or draw.random() < 0.3:
            continue
        write = draw.choice(_COUNT_FORMATS)
        missing = draw.choice(_MISSING)
        for row in draft.rows:
            is_missing = name != "followers" and draw.random() < 0.1
            row[place] = missing if is_missing else write(int(row[place]))
