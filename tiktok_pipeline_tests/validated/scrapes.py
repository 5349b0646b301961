"""Invented raw rows, and their judgment as plain lists."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tiktok_pipeline.raw.dialects import recognize
from tiktok_pipeline.raw.read import read_file
from tiktok_pipeline.raw.snapshots import file_format
from tiktok_pipeline.validated.validate import validate_source
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Verdict:
    """The rows of one file and what became of them, each in the order of the file."""

    raw: Rows
    valid: Rows
    rejected: Rows
    unread_cells: Rows

    @property
    def reasons(self) -> dict[int, list[str]]:
        """The reasons of each rejected row by its place."""
        return {row["source_row"]: row["reasons"] for row in self.rejected}

    @property
    def kept(self) -> list[int]:
        """The places of the good rows."""
        return [row["source_row"] for row in self.valid]


def judged(engine: DuckDBWarehouse, path: Path) -> Verdict:
    """Scan, read and judge one file."""
    kind = file_format(path)
    assert kind is not None
    scan = engine.scan(path, kind)
    dialect = recognize(scan.header, file=path.name)
    raw = read_file(scan, dialect, source_file=path.name, engine=engine)
    verdict = validate_source(raw, dialect.source, engine)
    frames = (raw, verdict.valid, verdict.rejected)
    raw_rows, valid, rejected = (
        frame.sort("source_row").collect("pyarrow").to_native().to_pylist() for frame in frames
    )
    assert verdict.unread_cells is not None
    unread = verdict.unread_cells.astype(object).where(verdict.unread_cells.notna(), None)
    unread_rows = [dict(zip(unread.columns, row, strict=True)) for row in unread.itertuples(index=False)]
    return Verdict(raw_rows, valid, rejected, unread_rows)


def csv_of(*rows: dict[str, str]) -> str:
    """A CSV text in the public columns: a good profile for each row, with its cells changed as the row says.

    A column that is not among them, ``is_under_age_18`` say, is added where a row names it, empty in the others.
    """
    good = {
        "timestamp": "2023-08-01",
        "nickname": "n",
        "biography": "b",
        "followers": "10",
        "following": "2",
        "likes": "3",
        "videos_count": "4",
        "awg_engagement_rate": "0.5",
    }
    names = list(dict.fromkeys(["account_id", *good, "remark", *(name for row in rows for name in row)]))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, names)
    writer.writeheader()
    for place, row in enumerate(rows):
        writer.writerow({"account_id": f"maker_{place}", "remark": "", **good, **row})
    return text.getvalue()
