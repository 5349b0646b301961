"""Forgets one creator in generated files: no trace may be left, and no other record may change.

The files have quotes, delimiters, line breaks and escapes in and around the record of the creator, and mentions.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from benchmarks import record
from tiktok_pipeline.home.manifest import read_manifest, snapshots_on_disk
from tiktok_pipeline.ingest.config import IngestConfig
from tiktok_pipeline.ingest.options import IngestOptions
from tiktok_pipeline.ingest.register import register
from tiktok_pipeline.ingest.snapshot_rows import raw_rows
from tiktok_pipeline.privacy.find_creator import find_creator
from tiktok_pipeline.privacy.redact_files import redact_stored_files
from tiktok_pipeline.privacy.scrub import files_with_names
from tiktok_pipeline.privacy.suppression import SuppressionList
from tiktok_pipeline.raw.schema import PROFILES
from tiktok_pipeline.settings import Settings
from tiktok_pipeline.warehouse.base import UnreadableFileError, Warehouse
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse

HANDLE, NUMBER = "some.body_1", "6999999999999999999"
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


@dataclass
class RedactionCounts:
    """What became of the files; a trace or a changed neighbor is a violation."""

    files: int = 0
    refused: int = 0
    records: int = 0
    neighbors: int = 0
    violations: list[str] = field(default_factory=list)


def measure_redaction(
    files: int, *, seed: int, folder: Path, seconds: float = float("inf"), first: int = 1
) -> RedactionCounts:
    """Generate, store and redact files one by one.

    Parameters
    ----------
    files : int
        Number of files.
    seed : int
        The same seed makes the same files.
    folder : Path
        An empty folder.
    seconds : float
        Stop after so many seconds, with fewer files.
    first : int
        Number of the first file.

    Returns
    -------
    RedactionCounts
        The sums over all files.
    """
    counts = RedactionCounts()
    start = time.monotonic()
    with DuckDBWarehouse(None) as engine:
        for number in range(first, first + files):
            if time.monotonic() - start > seconds:
                break
            _try(number, random.Random(f"{seed} {number}"), folder / str(number), engine, counts)  # noqa: S311
    return counts


def _try(number: int, draw: random.Random, folder: Path, engine: Warehouse, counts: RedactionCounts) -> None:
    folder.mkdir()
    counts.files += 1
    path = _write(draw, folder)
    settings = Settings(home=folder / "home")
    try:
        register([path], IngestConfig(raw=settings.raw, engine=engine), IngestOptions(snapshot=DAY))
    except UnreadableFileError:
        counts.refused += 1
        return
    before = _rows(settings, engine)
    creator = find_creator(settings, HANDLE, engine)
    suppression = SuppressionList("00").with_names([*creator.names, NUMBER])
    names = sorted({*creator.names, NUMBER})
    counts.records += redact_stored_files(settings.raw, suppression, names=names, engine=engine)
    after = _rows(settings, engine)
    counts.violations += [f"file {number}: a trace in {left.name}" for left in files_with_names(settings, names)]
    blanked = {row for entry in read_manifest(settings.raw / DAY) for row in entry.forgotten_rows}
    for place, cells in before.items():
        if place not in blanked and not _mentions(cells):
            counts.neighbors += 1
            if after.get(place) != cells:
                counts.violations.append(f"file {number}: record {place} changed")
    if snapshots_on_disk(settings.raw) and set(after) != set(before):
        counts.violations.append(f"file {number}: {len(before)} records became {len(after)}")


def _rows(settings: Settings, engine: Warehouse) -> dict[int, tuple[Any, ...]]:
    rows = raw_rows(settings.raw / DAY, PROFILES, engine)
    if rows is None:
        return {}
    columns = ["source_row", "read_problem", *PROFILES.columns, "extra"]
    table = rows.select(columns).collect("pyarrow").to_native().to_pylist()
    return {row["source_row"]: tuple(row[name] for name in columns) for row in table}


def _mentions(cells: tuple[Any, ...]) -> bool:
    text = json.dumps(cells, ensure_ascii=False).lower()
    return HANDLE in text or NUMBER in text


def _write(draw: random.Random, folder: Path) -> Path:
    rows = [_row(draw, place) for place in range(draw.randint(3, 12))]
    place = draw.randrange(len(rows))
    rows[place] |= {"account_id": draw.choice((HANDLE, f"@{HANDLE}", HANDLE.upper())), "id": NUMBER}
    for _ in range(draw.randint(0, 3)):
        mention = draw.choice(MENTIONS).format(name=draw.choice((HANDLE, HANDLE.upper())))
        draw.choice(rows)["biography"] += f" {mention} "
    if draw.random() < 0.5:
        return _packed(draw, folder / "f.csv", _csv(draw, rows))
    return _packed(draw, folder / "f.jsonl", _json(draw, rows))


def _row(draw: random.Random, place: int) -> dict[str, str]:
    def odd() -> str:
        return "".join(draw.choice((*ODD, "word", "x")) for _ in range(draw.randint(0, 8)))

    counts = {name: str(draw.randint(1, 10**6)) for name in COUNTS}
    id_ = str(6_000_000_000_000_000_000 + place)
    texts = {"nickname": odd(), "biography": odd()}
    return {"timestamp": DAY, "account_id": f"creator{place:04d}", "id": id_, **texts, **counts}


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


def _packed(draw: random.Random, path: Path, content: bytes) -> Path:
    if draw.random() < 0.2:
        path = path.with_name(f"{path.name}.gz")
        content = gzip.compress(content, mtime=0)
    path.write_bytes(content)
    return path


def redaction_command(
    files: Annotated[int, typer.Option(min=1, help="Number of files.")] = 5000,
    seed: Annotated[int, typer.Option(help="The same seed makes the same files.")] = 1,
    seconds: Annotated[float, typer.Option(min=1, help="Stop after so many seconds.")] = 3600,
    save_it: Annotated[bool, typer.Option("--save", help="Save the result in benchmarks/results/.")] = False,
) -> None:
    """Forget a creator in generated files; exit code 1 if a trace is left or another record changed."""
    with tempfile.TemporaryDirectory() as folder:
        counts = measure_redaction(files, seed=seed, folder=Path(folder), seconds=seconds)
    for violation in counts.violations:
        typer.echo(violation)
    result = {**vars(counts), "violations": len(counts.violations)}
    typer.echo(str(result))
    if save_it:
        settings = {"files": files, "seed": seed, "seconds": seconds}
        typer.echo(f"saved: {record.save('redaction', {'settings': settings, **result})}")
    if counts.violations:
        raise typer.Exit(1)
