"""Generates files for the redaction benchmark: records of creators to forget and of others, mentions, odd texts."""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from benchmarks.reliability.draft import packed

DAY = "2024-03-01"
COUNTS = ("followers", "following", "likes", "videos_count")
COLUMNS = ("timestamp", "account_id", "id", "nickname", "biography", *COUNTS)
ODD = ('"', '""', ",", ";", "\t", "\n", "\r\n", "\r", " ", "\\", "é", "🎬", "'", "|", "a", "}", "]", '"x"')
MENTIONS = (
    "@{name}",
    "with {name}.",
    "tiktok.com/%40{name}",
    "https://www.tiktok.com/@{name}/video/1",
    "({name})",
    "{name}@mail.example",
)
HANDLES = (
    *("some.body_1", "_an.other__2", "zweite_person.3", "a1b2c3d4e5f6", "le.petit_4", "ohne_punkt5", "x9y8z7.w6"),
    *("der_achte.mensch", "n.i.n.e.9", "__ten10__", "eleven.11_eleven", "zwoelfte_12"),
)
CREATORS = tuple((handle, str(6_999_999_999_999_999_999 - place)) for place, handle in enumerate(HANDLES))
"""Handle and number of each creator to forget."""

KINDS = ("csv", "csv.gz", "csv.zip", "jsonl", "jsonl.gz", "jsonl.zip", "xlsx", "parquet")
_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")


@dataclass(frozen=True)
class Generated:
    """A delivered file, and files that were refused before."""

    path: Path
    refused: tuple[Path, ...]


def write_files(draw: random.Random, folder: Path, refused: Path) -> Generated:
    """Write a delivery into a folder, and sometimes broken files of the same people into that of refused ones."""
    rows = [_row(draw, place) for place in range(draw.randint(18, 30))]
    for place, (handle, number) in zip(draw.sample(range(len(rows)), len(CREATORS)), CREATORS, strict=True):
        rows[place] |= {"account_id": draw.choice((handle, f"@{handle}", handle.upper())), "id": number}
    for _ in range(draw.randint(0, 14)):
        handle, _number = draw.choice(CREATORS)
        mention = draw.choice(MENTIONS).format(name=draw.choice((handle, handle.upper())))
        draw.choice(rows)["biography"] += f" {mention} "
    path = _write(draw, folder, draw.choice(KINDS), rows)
    refused.mkdir(parents=True, exist_ok=True)
    broken = []
    for place in range(draw.choice((0, 1, 2))):
        some = draw.sample(rows, draw.randint(1, 4))
        beside = _write(draw, refused, draw.choice(KINDS), [{"followers": "x", **row} for row in some], f"r{place}")
        if draw.random() < 0.5:
            content = beside.read_bytes()
            beside.write_bytes(content[: draw.randrange(len(content) // 2, len(content))])
        broken.append(beside)
    return Generated(path, tuple(broken))


def _row(draw: random.Random, place: int) -> dict[str, str]:
    def odd() -> str:
        return "".join(draw.choice((*ODD, "word", "x")) for _ in range(draw.randint(0, 8)))

    counts = {name: str(draw.randint(1, 10**6)) for name in COUNTS}
    id_ = str(6_000_000_000_000_000_000 + place)
    texts = {"nickname": odd(), "biography": odd()}
    return {"timestamp": DAY, "account_id": f"creator{place:04d}", "id": id_, **texts, **counts}


def _write(draw: random.Random, folder: Path, kind: str, rows: list[dict[str, str]], stem: str = "f") -> Path:
    inner, _, packing = kind.partition(".")
    content = {"csv": _csv, "jsonl": _json, "xlsx": _xlsx, "parquet": _parquet}[inner](draw, rows)
    path = folder / f"{stem}.{inner}"
    if packing == "gz":
        path, content = path.with_name(f"{path.name}.gz"), packed(content)
    if packing == "zip":
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", draw.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as archive:
            archive.writestr(path.name, content)
        path, content = path.with_suffix(".zip"), buffer.getvalue()
    path.write_bytes(content)
    return path


def _csv(draw: random.Random, rows: list[dict[str, str]]) -> bytes:
    text = io.StringIO()
    quoting: Literal[0, 1] = draw.choice((csv.QUOTE_ALL, csv.QUOTE_MINIMAL))
    end = draw.choice(("\n", "\r\n"))
    writer = csv.DictWriter(text, COLUMNS, delimiter=draw.choice(",;\t|"), quoting=quoting, lineterminator=end)
    writer.writeheader()
    writer.writerows(rows)
    lines = text.getvalue()
    if draw.random() < 0.3:  # a stray quote somewhere behind the header
        at = draw.randrange(len(lines) // 3, len(lines))
        lines = f'{lines[:at]}"{lines[at:]}'
    return lines.encode("utf-8-sig" if draw.random() < 0.2 else "utf-8")


def _json(draw: random.Random, rows: list[dict[str, str]]) -> bytes:
    ascii_only = draw.random() < 0.5
    lines = [json.dumps(row, ensure_ascii=ascii_only) for row in rows]
    if draw.random() < 0.3:
        lines = [line.replace("@", "\\u0040") for line in lines]
    if draw.random() < 0.2:
        place = draw.randrange(len(lines))
        lines[place] = lines[place][: draw.randrange(5, len(lines[place]))]
    text = "[" + ",\n".join(lines) + "]" if draw.random() < 0.3 else "\n".join(lines) + "\n"
    return text.encode()


def _xlsx(_: random.Random, rows: list[dict[str, str]]) -> bytes:
    from openpyxl import Workbook  # noqa: PLC0415 - one kind of eight

    book = Workbook(write_only=True)
    sheet = book.create_sheet("f")
    sheet.append(list(COLUMNS))
    for row in rows:
        sheet.append([_XML.sub("", row[name]) for name in COLUMNS])
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def _parquet(draw: random.Random, rows: list[dict[str, str]]) -> bytes:
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    buffer = io.BytesIO()
    table = pa.Table.from_pylist([{name: row[name] for name in COLUMNS} for row in rows])
    pq.write_table(table, buffer, compression=draw.choice(("snappy", "zstd", "none")))
    return buffer.getvalue()


def unpacked(path: Path) -> bytes:
    """Return what a person can read of a file, by another program than the one that is measured."""
    content = path.read_bytes()
    for _ in range(2):
        try:
            if content[:2] == b"\x1f\x8b":
                content = gzip.decompress(content)
            elif content[:4] == b"PK\x03\x04":
                with zipfile.ZipFile(io.BytesIO(content)) as archive:
                    content = b"\n".join(archive.read(name) for name in archive.namelist())
        except (OSError, EOFError, zipfile.BadZipFile):
            break
    return content
