"""A small good scrape in the making: its columns and rows, and how they become the bytes of a file of each kind."""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq

from tiktok_pipeline.raw.dialects import DIALECTS, Dialect
from tiktok_pipeline.raw.schema import CREATOR_ACTIVITY, PROFILES

CSV_ENDINGS = (".csv", ".csv.gz")
JSON_ENDINGS = (".ndjson", ".json", ".ndjson.gz", ".json.gz")
TEXT_ENDINGS = CSV_ENDINGS + JSON_ENDINGS
ENDINGS = (*TEXT_ENDINGS, ".parquet")
NESTED = ("apify_items", "tiktok_api")
"""Dialects whose columns are paths of nested objects."""
FIGURES = ("followers", "following", "likes", "videos_count")
"""The counts of a creator, which are a function of the handle."""

DAY = "2024-03-19"


@dataclass
class Draft:
    """A file that is not written yet; all that is odd about it is drawn from ``draw``.

    ``content`` is set where a damage makes the whole file itself, ``name`` where it names it.
    """

    draw: random.Random
    dialect: Dialect
    ending: str
    header: list[str]
    rows: list[list[str]]
    delimiter: str = ","
    name: str = ""
    content: bytes | None = None

    def place(self, column: str) -> int | None:
        """Where the canonical column stands; None where the file has none."""
        theirs = self.dialect.columns.get(column, ("",))[0]
        return self.header.index(theirs) if theirs in self.header else None

    def text(self) -> bytes:
        """The file before it is packed."""
        if self.ending.startswith(".csv"):
            return self._csv()
        if self.ending == ".parquet":
            return self._parquet()
        return self._json()

    def _csv(self) -> bytes:
        buffer = io.StringIO()
        quoting: Literal[0, 1] = self.draw.choice((csv.QUOTE_MINIMAL, csv.QUOTE_ALL))
        line_end = self.draw.choice(("\n", "\n", "\r\n"))
        writer = csv.writer(buffer, delimiter=self.delimiter, quoting=quoting, lineterminator=line_end)
        writer.writerow(self.header)
        writer.writerows(self.rows)
        return buffer.getvalue().encode()

    def _json(self) -> bytes:
        is_ascii = self.draw.random() < 0.5
        lines = [json_object(self.header, row, is_ascii=is_ascii) for row in self.rows]
        if self.ending.startswith(".ndjson"):
            return ("\n".join(lines) + "\n").encode()
        return ("[" + ",\n".join(lines) + "]\n").encode()

    def _parquet(self) -> bytes:
        width = len(self.header)
        cells = [(row + [""] * width)[:width] for row in self.rows]
        columns = [pa.array([row[place] for row in cells], pa.string()) for place in range(width)]
        return parquet_bytes(pa.Table.from_arrays(columns, names=self.header))


def new_draft(draw: random.Random, endings: Sequence[str], *, needs: str | None = None, rows: int = 24) -> Draft:
    """A good scrape of a few creators in one of the formats and dialects; ``needs`` is a column that it must have."""
    flat = [dialect for dialect in DIALECTS if not dialect.is_generic and dialect.name not in NESTED]
    flat = [dialect for dialect in flat if dialect.source in (PROFILES, CREATOR_ACTIVITY)]
    dialect = draw.choice([dialect for dialect in flat if needs is None or needs in dialect.columns])
    names = [name for name in dialect.columns if name in dialect.source.columns]
    more = ["create_time", "profile_pic_url"] if "create_time" in dialect.typical else []
    is_activity = dialect.name == "activity_csv"
    records = [_score(draw, number) if is_activity else _creator(draw, dialect, number) for number in range(rows)]
    return Draft(
        draw=draw,
        dialect=dialect,
        ending=draw.choice(list(endings)),
        header=[*(dialect.columns[name][0] for name in names), *more],
        rows=[[record[name] for name in names] + ["null"] * len(more) for record in records],
        delimiter=draw.choice((",", ",", ";", "\t")),
        name="creator_activity" if is_activity else "profiles",
    )


def _score(draw: random.Random, number: int) -> dict[str, str]:
    return {
        "account_id": str(number),
        "engagement_index": str(draw.randint(5, 99)),
        "monetization_maturity": repr(draw.uniform(1, 100)),
    }


def figures_of(handle: str) -> dict[str, int]:
    """The counts of a creator."""
    draw = random.Random(handle)  # noqa: S311 - the same handle has the same counts
    followers = int(draw.lognormvariate(9.0, 1.6))
    return {
        "followers": followers,
        "following": int(draw.lognormvariate(5.5, 1.2)),
        "likes": int(followers * draw.lognormvariate(2.5, 0.7)),
        "videos_count": 1 + int(draw.lognormvariate(4.5, 1.0)),
    }


def _creator(draw: random.Random, dialect: Dialect, number: int) -> dict[str, str]:
    comments, likes = draw.lognormvariate(-7.0, 0.6), draw.lognormvariate(-4.0, 0.5)
    handle = f"creator{number:05d}"
    return {
        "account_id": handle,
        "tiktok_id": str(6_000_000_000_000_000_000 + number),
        "nickname": f"Créateur {number} 🎬",
        "biography": 'says "hi",\nand more' if number % 5 == 0 else f"creator no. {number}",
        "bio_link": "https://example.org/x" if number % 3 == 0 else "null",
        "is_verified": "true" if number % 8 == 0 else "false",
        **{name: str(count) for name, count in figures_of(handle).items()},
        "avg_engagement_rate": repr(comments + likes),
        "comment_engagement_rate": repr(comments),
        "like_engagement_rate": repr(likes),
        "observed_on": "19-03-2024" if dialect.name == "spreadsheet_csv" else DAY,
        "top_videos": f"https://www.tiktok.com/@{handle}/video/1",
        "language": "en",
        "region": "US",
        "url": f"https://www.tiktok.com/@{handle}",
        "is_under_age": "false",
    }


def json_object(names: Sequence[str], cells: Sequence[str], *, is_ascii: bool = True) -> str:
    """One object, a name that stands there twice kept twice; cells too many get names of their own."""
    keys = [*names, *(f"more_{number}" for number in range(len(cells) - len(names)))]
    told = (
        f"{json.dumps(name, ensure_ascii=is_ascii)}: {json.dumps(cell, ensure_ascii=is_ascii)}"
        for name, cell in zip(keys, cells, strict=False)
    )
    return "{" + ", ".join(told) + "}"


def parquet_bytes(table: pa.Table) -> bytes:
    """The table as a Parquet file."""
    target = io.BytesIO()
    pq.write_table(table, target)
    return target.getvalue()


def packed(text: bytes) -> bytes:
    """The bytes gzipped, without the time at which that was done."""
    return gzip.compress(text, mtime=0)
