"""What is usual: quantiles with their n, and no table that mixes rates by followers with rates by views."""

from __future__ import annotations

import narwhals as nw
import pandas as pd
import pyarrow as pa
import pytest

from tiktok_pipeline.creators.benchmarks import BASES, FEWEST_CREATORS, build_benchmarks
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse


def benchmarks_of(creators: int, *, sampled: int | None = None, **columns: list[object]) -> pd.DataFrame:
    rows: dict[str, object] = {name: pa.array([None] * creators, pa.float64()) for name in BASES}
    rows |= {"account_id": [f"c{number}" for number in range(creators)], "follower_tier": ["nano"] * creators}
    rows |= {name: pa.array([None] * creators, pa.string()) for name in ("persona", "region", "language")} | columns
    with DuckDBWarehouse(None, threads=1) as engine:
        current = engine.persist(pa.table(rows))
        sample = current.filter(nw.col("account_id").is_in([f"c{number}" for number in range(sampled or creators)]))
        return build_benchmarks(current, sample, engine)


def test_quantiles_are_interpolated() -> None:
    found = benchmarks_of(41, avg_engagement_rate=[number / 100 for number in range(41)])
    tier = found[(found["grouping"] == "tier") & (found["figure"] == "avg_engagement_rate")].iloc[0]
    assert tier[["p10", "p25", "median", "p75", "p90"]].tolist() == pytest.approx([0.04, 0.10, 0.20, 0.30, 0.36])
    assert (tier["group_name"], tier["creators"], tier["basis"]) == ("nano", 41, "followers")


def test_small_groups_and_missing_values_are_left_out() -> None:
    tiers = ["nano"] * FEWEST_CREATORS + ["mega"] * (FEWEST_CREATORS - 1)
    rates: list[object] = [0.1] * len(tiers)
    found = benchmarks_of(len(tiers), follower_tier=list(tiers), avg_engagement_rate=rates)
    assert found[found["grouping"] == "tier"]["group_name"].tolist() == ["nano"]
    assert found[found["grouping"] == "all"]["creators"].tolist() == [len(tiers)]
    rates[0] = None
    found = benchmarks_of(len(tiers), follower_tier=list(tiers), avg_engagement_rate=rates)
    assert found[found["grouping"] == "tier"].empty


def test_the_creators_of_a_sampled_snapshot_are_counted_in_all_rows() -> None:
    found = benchmarks_of(60, sampled=20, avg_engagement_rate=[number / 100 for number in range(60)])
    of_all = found[found["grouping"] == "all"].iloc[0]
    assert (of_all["creators"], of_all["median"]) == (60, pytest.approx(0.095))


def test_a_figure_has_one_basis() -> None:
    found = benchmarks_of(30, engagement_by_plays=[0.1] * 30, avg_engagement_rate=[0.1] * 30)
    assert found.groupby("figure")["basis"].first().to_dict() == {
        "avg_engagement_rate": "followers",
        "engagement_by_plays": "views",
    }
