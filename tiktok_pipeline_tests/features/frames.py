"""Invented rows for the tests of several folders, stored in an engine through its own tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
import pytest

from tiktok_pipeline.features.catalog import FEATURES
from tiktok_pipeline.features.schema import TABLES as FEATURE_TABLES
from tiktok_pipeline.validated.schema import TABLES as VALIDATED_TABLES
from tiktok_pipeline.warehouse.base import TableSpec
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse

SNAPSHOT = {"snapshot": "2026-01-31"}
_TYPES = {
    "text": "string",
    "integer": "Int64",
    "float": "float64",
    "boolean": "boolean",
    "date": "object",
    "texts": "object",
}
_DEFAULTS: Mapping[str, Any] = {
    "tiktok_id": None,
    "nickname": None,
    "biography": None,
    "bio_link": None,
    "has_biography": False,
    "has_bio_link": False,
    "is_verified": False,
    "followers": 100,
    "following": 50,
    "likes": 1_000,
    "videos_count": 10,
    "avg_engagement_rate": 0.5,
    "comment_engagement_rate": 0.125,
    "like_engagement_rate": 0.375,
    "observed_on": None,
    "scraped_videos": None,
    "language": None,
    "region": None,
    "engagement_index": 50.0,
    "monetization_maturity": 50.0,
}


def stored(engine: DuckDBWarehouse, table: TableSpec, rows: Sequence[Mapping[str, Any]]) -> nw.LazyFrame[Any]:
    """Return the rows as a lazy frame of the engine; a column that a row does not name is NULL."""
    columns = {
        column.name: pd.Series([row.get(column.name) for row in rows], dtype=_TYPES[column.type])
        for column in table.frame_columns
    }
    engine.replace_slice(
        table, SNAPSHOT | dict.fromkeys(set(table.slice_by) - {"snapshot"}, "x"), pd.DataFrame(columns)
    )
    return engine.read_slice(table, SNAPSHOT | dict.fromkeys(set(table.slice_by) - {"snapshot"}, "x"))


def validated(
    engine: DuckDBWarehouse, rows: Sequence[Mapping[str, Any]], source: str = "profiles"
) -> nw.LazyFrame[Any]:
    """Return rows of ``validated.<source>``; a value that a row does not name is that of an ordinary account."""
    return stored(engine, VALIDATED_TABLES[source], [{**_DEFAULTS, **row} for row in _placed(rows)])


def features(
    engine: DuckDBWarehouse, rows: Sequence[Mapping[str, Any]], source: str = "profiles"
) -> nw.LazyFrame[Any]:
    """Return rows of ``features.<source>`` with the given values; a feature that a row does not name is missing.

    The table is a view, but the test stores the rows: so their values need not follow from validated rows.
    """
    return stored(engine, replace(FEATURE_TABLES[source], derived=None), _placed(rows))


def pandas(frame: nw.LazyFrame[Any], *order: str) -> pd.DataFrame:
    """Return a small frame as pandas, sorted."""
    taken: pd.DataFrame = frame.sort(*order).collect("pandas").to_native()
    return taken


def creators(count: int, *, random_state: int = 7) -> list[dict[str, Any]]:
    """Return invented validated profiles with heavy-tailed counts, in three sizes that a clustering separates."""
    random = np.random.default_rng(random_state)
    size = random.choice([3.0, 7.0, 12.0], size=count, p=[0.5, 0.35, 0.15])
    followers = np.exp(random.normal(size, 0.6)).astype(int)
    comment = random.gamma(2.0, 0.002, size=count)
    like = random.gamma(2.0, 0.02, size=count)
    return [
        {
            "account_id": f"creator_{number:05d}",
            "followers": int(followers[number]),
            "following": int(random.integers(0, 3_000)),
            "likes": int(followers[number] * random.uniform(1, 30)),
            "videos_count": int(random.integers(1, 800)),
            "is_verified": bool(size[number] == 12.0 and random.random() < 0.3),
            "bio_link": "https://example.org" if random.random() < 0.2 else None,
            "comment_engagement_rate": float(comment[number]),
            "like_engagement_rate": float(like[number]),
            "avg_engagement_rate": float(comment[number] + like[number]),
        }
        for number in range(count)
    ]


def _placed(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [
        {"account_id": f"a{number:05d}", "source_file": "profiles.csv", "source_row": number} | dict(row)
        for number, row in enumerate(rows, start=1)
    ]


def spoil_feature(monkeypatch: pytest.MonkeyPatch, name: str, expression: nw.Expr) -> None:
    """Compute a feature of profiles with another expression, as a defect of the program would."""
    spoiled = [
        replace(feature, expression=expression) if feature.name == name else feature
        for feature in FEATURES["profiles"]
    ]
    monkeypatch.setitem(FEATURES, "profiles", tuple(spoiled))


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table by column, missing values as None."""
    rows = table.astype(object).where(table.notna(), None).to_dict("records")
    return [{str(name): cell for name, cell in row.items()} for row in rows]
