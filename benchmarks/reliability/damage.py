"""Generates deliveries: a small valid scrape with some damage, reproducible from a seed."""

from __future__ import annotations

import codecs
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from benchmarks.reliability.draft import CSV_ENDINGS, ENDINGS, JSON_ENDINGS, TEXT_ENDINGS, Draft, new_draft, packed
from benchmarks.reliability.intact_figures import odd_container, odd_formats, odd_quotes
from benchmarks.reliability.odd_cells import (
    AGES,
    DATES,
    HEADERS,
    HOSTILE,
    NAME_ENDINGS,
    NAMES,
    NUMBERS,
    STEERING_NAMES,
    WRONG,
)
from benchmarks.reliability.odd_formats import gzip_bomb, odd_gzip, odd_json, odd_parquet

GZIP_ENDINGS = tuple(ending for ending in ENDINGS if ending.endswith(".gz"))
TWO = "two at once"


@dataclass(frozen=True)
class Damage:
    """A change of a draft, of its text, or of the bytes of the packed file, for some file endings."""

    to_draft: Callable[[Draft], None] | None = None
    to_text: Callable[[Draft, bytes], bytes] | None = None
    to_file: Callable[[Draft, bytes], bytes] | None = None
    packs: bool = False
    endings: tuple[str, ...] = ENDINGS
    needs: str | None = None


@dataclass(frozen=True)
class Delivery:
    """A generated file; ``name`` may have bytes that are not UTF-8, as surrogates."""

    number: int
    damage: str
    name: str
    content: bytes


def delivery(number: int, seed: int) -> Delivery:
    """Return the file of a number; the same number and seed give the same bytes."""
    kinds = [*DAMAGES, TWO]
    kind = kinds[(number - 1) % len(kinds)]
    draw = random.Random(f"{seed} {number}")  # noqa: S311 - the same seed makes the same file
    chosen = [DAMAGES[kind]] if kind != TWO else _two(draw)
    chosen.sort(key=lambda damage: damage.to_draft is _ragged)  # the others expect rows of one length
    endings = [ending for ending in ENDINGS if all(ending in damage.endings for damage in chosen)]
    needs = next((damage.needs for damage in chosen if damage.needs), None)
    draft = new_draft(draw, endings, needs=needs)
    for damage in chosen:
        if damage.to_draft:
            damage.to_draft(draft)
    text = draft.text() if draft.content is None else draft.content
    for damage in chosen:
        if damage.to_text:
            text = damage.to_text(draft, text)
    is_packed = draft.ending.endswith(".gz") and not any(damage.packs for damage in chosen)
    content = packed(text) if is_packed else text
    for damage in chosen:
        if damage.to_file:
            content = damage.to_file(draft, content)
    name = draft.name if "." in draft.name else f"{draft.name}{draft.ending}"
    return Delivery(number, kind, name, content)


def _two(draw: random.Random) -> list[Damage]:
    """Two damages that one file can have; the second that makes a whole file anew would undo the first."""
    while True:
        both = [DAMAGES[kind] for kind in draw.sample(list(DAMAGES), 2)]
        shared = [ending for ending in ENDINGS if all(ending in damage.endings for damage in both)]
        if shared and sum(damage.packs for damage in both) < 2:
            return both


# What is done to the columns and rows.


def _some_rows(draft: Draft) -> list[list[str]]:
    """One row, a few, or most of them."""
    draw = draft.draw
    return draw.sample(draft.rows, min(len(draft.rows), draw.choice((1, 1, 4, 20))))


def _spoil(cells: tuple[str, ...], *columns: str) -> Callable[[Draft], None]:
    """Put odd cells into the canonical columns, into any where none is named."""

    def spoil(draft: Draft) -> None:
        places = [place for name in columns if (place := draft.place(name)) is not None]
        for row in _some_rows(draft):
            for _ in range(draft.draw.choice((1, 1, 3))):
                row[draft.draw.choice(places or range(len(row)))] = draft.draw.choice(cells)

    return spoil


def _swapped(draft: Draft) -> None:
    draw, width = draft.draw, len(draft.header)
    if width < 2:
        return
    first, second = draw.sample(range(width), 2)
    order = draw.sample(range(width), width)
    what = draw.choice(("header", "cells", "both", "all"))
    if what in ("header", "both"):
        draft.header[first], draft.header[second] = draft.header[second], draft.header[first]
    for row in draft.rows if what in ("cells", "both") else []:
        row[first], row[second] = row[second], row[first]
    if what == "all":
        draft.header[:] = [draft.header[place] for place in order]
        draft.rows[:] = [[row[place] for place in order] for row in draft.rows]


def _doubled(draft: Draft) -> None:
    places = draft.draw.choice((range(len(draft.header)), [draft.draw.randrange(len(draft.header))]))
    if draft.draw.random() < 0.3:  # another column by its name
        draft.header[draft.draw.randrange(len(draft.header))] = draft.header[places[0]]
        return
    for cells in (draft.header, *draft.rows):
        cells += [cells[place] for place in places]


def _missing(draft: Draft) -> None:
    for _ in range(draft.draw.choice((1, 1, 2, len(draft.header) - 1))):
        place = draft.draw.randrange(len(draft.header))
        for cells in (draft.header, *draft.rows):
            del cells[place]


def _renamed(draft: Draft) -> None:
    for _ in range(draft.draw.choice((1, 1, 3))):
        place = draft.draw.randrange(len(draft.header))
        old = draft.header[place]
        odd = draft.draw.choice((old.upper(), f" {old} ", f"{old}\n", old.replace("_", " "), *HEADERS))
        if draft.draw.random() < 0.5:
            draft.header[place] = odd
        else:  # one column more, which the dialect does not know
            draft.header.append(odd)
            for row in draft.rows:
                row.append("odd")


def _enormous(draft: Draft) -> None:
    characters = draft.draw.choice(("x", "é", "🎬", "1", "a,b\n", '"', " ", "\x00"))
    length = draft.draw.choice((200_000, 999_999, 1_000_001, 2_000_000))
    cell = (characters * (length // len(characters) + 1))[:length]
    if draft.draw.random() < 0.15:
        draft.header.append(cell[:200_000])
        for row in draft.rows:
            row.append("x")
    else:
        row = draft.draw.choice(draft.rows)
        row[draft.draw.randrange(len(row))] = cell


def _ragged(draft: Draft) -> None:
    for row in _some_rows(draft):
        if draft.draw.random() < 0.5:
            del row[draft.draw.randint(1, len(row)) :]
        else:
            row.extend([draft.draw.choice(("", "more", "\x1b[31m", "a\nb"))] * draft.draw.choice((1, 2, 500)))


def _header_again(draft: Draft) -> None:
    for _ in range(draft.draw.choice((1, 1, 5, 60))):
        draft.rows.insert(draft.draw.choice((0, draft.draw.randint(0, len(draft.rows)))), list(draft.header))


def _all_alike(draft: Draft) -> None:
    """All rows duplicates of one account, or all bad."""
    handle = draft.place("account_id") or 0
    match draft.draw.choice(("same", "same handle", "other case", "none", "bad")):
        case "same":
            draft.rows[:] = [list(draft.rows[0]) for _ in draft.rows]
        case "same handle":
            for row in draft.rows:
                row[handle] = "the_same"
        case "other case":
            for place, row in enumerate(draft.rows):
                row[handle] = ("Same", "same", "@same", " same ", "SAME")[place % 5]
        case "none":
            for row in draft.rows:
                row[:] = [""] * len(row)
        case "bad":
            for row in draft.rows:
                row[draft.place("followers") or 0] = "-1"


def _hostile_name(draft: Draft) -> None:
    draft.name = draft.draw.choice(draft.draw.choice((NAMES, STEERING_NAMES))) + draft.ending
    if draft.draw.random() < 0.5:  # refused, so that the name is told
        draft.header[:] = [f"{name}?" for name in draft.header]


def _wrong_ending(draft: Draft) -> None:
    draft.name = f"profiles{draft.draw.choice((*ENDINGS, *ENDINGS, *NAME_ENDINGS))}"
    if "." not in draft.name:
        draft.name = "no.ending"


# What is done to the text.

_ODD_BYTES = (
    b"\x00", b"\x00" * 5_000, b"\xed\xa0\x80", b"\xed\xb0\x80", b"\xff", b"\xc0\x80", b"\xf4\x90\x80\x80",
    b"\xe2\x82", b"\x1f", b"\x02\x1f\x03", b"\x1a", b"\xef\xbb\xbf", b"\x80", b"\xe9", b"\x85", b"\xef\xbf\xbf",
    b"\x0c", b"\x1b[2J",
)  # fmt: skip
_LINE_ENDS = (
    [b"\r"], [b"\r\n", b"\n"], [b"\n", b"\r", b"\r\n"], [b"\n\n", b"\n"], [b"\n \n", b"\n"], [b"\r\r\n"],
    [b"\x0b", b"\n"], ["\u2028".encode(), b"\n"], ["\x85".encode(), b"\n"], [b"\n\r"], [b"\n,\n", b"\n"], [b""],
)  # fmt: skip


def _encoded(draft: Draft, text: bytes) -> bytes:
    said = text.decode("utf-8", "surrogateescape")
    codec = draft.draw.choice(
        (
            "utf-16",
            "utf-16-le",
            "utf-16-be",
            "utf-32",
            "latin-1",
            "cp1252",
            "cp037",
            "shift_jis",
            "utf-7",
            "utf-8-sig",
        )
    )
    mark = draft.draw.choice((b"", b"", codecs.BOM_UTF8, codecs.BOM_UTF16_LE))
    return mark + said.encode(codec, "replace")


def _odd_bytes(draft: Draft, text: bytes) -> bytes:
    for _ in range(draft.draw.choice((1, 1, 5))):
        place = draft.draw.randrange(len(text) + 1)
        odd = draft.draw.choice(_ODD_BYTES)
        text = text[:place] + odd + text[place:]
    return text


def _unclosed(draft: Draft, text: bytes) -> bytes:
    draw = draft.draw
    for _ in range(draw.choice((1, 1, 2, 3))):
        place = draw.randrange(len(text))
        match draw.choice(("anywhere", "before a cell", "at the end", "before a line", "one less")):
            case "anywhere":
                text = text[:place] + b'"' + text[place:]
            case "before a cell":
                place = max(text.find(draft.delimiter.encode(), place), 0) + 1
                text = text[:place] + b'"' + text[place:]
            case "at the end":
                text += draw.choice((b'"', b'"\n', b'\n"', b'a,"b'))
            case "before a line":
                place = text.rfind(b"\n", 0, place) + 1
                text = text[:place] + b'"' + text[place:]
            case "one less":
                place = text.rfind(b'"', 0, place)
                text = text if place < 0 else text[:place] + text[place + 1 :]
    return text


def _line_ends(draft: Draft, text: bytes) -> bytes:
    ends = draft.draw.choice(_LINE_ENDS)
    return b"".join(line + draft.draw.choice(ends) for line in text.splitlines())


def _empty(draft: Draft, text: bytes) -> bytes:
    header = text.partition(b"\n")[0]
    nothing = (
        b"",
        b"\n",
        b"  \n\t\n\n",
        codecs.BOM_UTF8,
        b"\x00" * 100,
        b"[]",
        b"{}",
        b"[{}]",
        b"null",
        b",",
        b",,,\n,,,\n",
        b'""',
        b'"',
    )
    head = (
        header,
        header + b"\n",
        header + b"\n\n \n",
        header + b"\r",
        header + b"\n" + header + b"\n",
        codecs.BOM_UTF8 + header,
    )
    return draft.draw.choice((*nothing, *head, *head))


# What is done to the bytes of the whole file.


def _truncated(draft: Draft, content: bytes) -> bytes:
    return content[: draft.draw.randrange(len(content))] if content else content


def _flipped(draft: Draft, content: bytes) -> bytes:
    flipped = bytearray(content)
    for _ in range(draft.draw.choice((1, 1, 5, 100)) if content else 0):
        flipped[draft.draw.randrange(len(content))] ^= 1 << draft.draw.randrange(8)
    return bytes(flipped)


_COUNTS = ("followers", "following", "likes", "videos_count", "avg_engagement_rate", "comment_engagement_rate")
_SCORES = ("engagement_index", "monetization_maturity")

DAMAGES: Mapping[str, Damage] = {
    "none": Damage(),
    "truncated": Damage(to_file=_truncated),
    "wrong types": Damage(_spoil(WRONG)),
    "encoding": Damage(to_text=_encoded, endings=TEXT_ENDINGS),
    "odd bytes": Damage(to_text=_odd_bytes, endings=TEXT_ENDINGS),
    "swapped columns": Damage(_swapped),
    "doubled columns": Damage(_doubled),
    "missing columns": Damage(_missing),
    "renamed columns": Damage(_renamed),
    "enormous cell": Damage(_enormous),
    "hostile name": Damage(_hostile_name),
    "wrong ending": Damage(_wrong_ending),
    "hostile cells": Damage(_spoil(HOSTILE)),
    "ragged rows": Damage(_ragged, endings=TEXT_ENDINGS),
    "unclosed quote": Damage(to_text=_unclosed, endings=CSV_ENDINGS),
    "line ends": Damage(to_text=_line_ends, endings=TEXT_ENDINGS),
    "empty": Damage(to_text=_empty),
    "header again": Damage(_header_again),
    "flipped bits": Damage(to_file=_flipped),
    "odd gzip": Damage(to_file=odd_gzip, packs=True, endings=GZIP_ENDINGS),
    "gzip bomb": Damage(to_file=gzip_bomb, packs=True, endings=GZIP_ENDINGS),
    "odd JSON": Damage(odd_json, endings=JSON_ENDINGS),
    "odd Parquet": Damage(odd_parquet, endings=(".parquet",)),
    "all alike": Damage(_all_alike),
    "odd numbers": Damage(_spoil(NUMBERS, *_COUNTS, *_SCORES)),
    "odd dates": Damage(_spoil(DATES, "observed_on"), needs="observed_on"),
    "odd ages": Damage(_spoil(AGES, "is_under_age"), needs="is_under_age"),
    "quotes": Damage(to_text=odd_quotes, endings=CSV_ENDINGS),
    "container": Damage(to_file=odd_container, packs=True),
    "formats": Damage(odd_formats),
}
"""Every damage by name; a delivery has one of them, or two at once."""
