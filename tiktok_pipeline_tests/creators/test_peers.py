"""Each creator among the nearest by followers: percentiles, usual ranges, and the expected engagement."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tiktok_pipeline.creators.figures import FIGURES
from tiktok_pipeline.creators.peers import FEWEST_KNOWN, build_peers, reach_of
from tiktok_pipeline.frames import to_pandas
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse


def features(rates: Sequence[float | None], followers: list[int] | None = None) -> pa.Table:
    """Return features of creators with these engagement rates, by default each with more followers than the last."""
    sizes = followers or list(range(1_000, 1_000 + len(rates)))
    return pa.table(
        {
            "account_id": [f"c{number:04}" for number in range(len(rates))],
            "follower_tier": ["nano"] * len(rates),
            "followers": pa.array(sizes, pa.float64()),
            **{name: pa.array(list(rates), pa.float64()) for name in FIGURES if name != "growth_30_days"},
        }
    )


def peers_of(table: pa.Table, **growth: Any) -> pd.DataFrame:
    with DuckDBWarehouse(None, threads=1) as engine:
        rows = engine.persist(table)
        grown = engine.persist(pa.table(growth)) if growth else None
        return to_pandas(build_peers(rows, engine, grown).sort("account_id"))


@pytest.mark.parametrize(("creators", "reach"), [(0, 25), (1_039, 25), (1_040, 26), (10_000, 250), (10**7, 250)])
def test_a_window_reaches_a_fortieth_of_the_creators(creators: int, reach: int) -> None:
    assert reach_of(creators) == reach


def test_a_percentile_is_the_mid_rank_among_the_window() -> None:
    # 60 creators, reach 25: the 30th has the window 5 to 55, 51 creators with the rates 0.05 to 0.55.
    found = peers_of(features([number / 100 for number in range(60)])).iloc[30]
    assert (found["peers"], found["peers_from"], found["peers_to"]) == (51, 1_005, 1_055)
    assert found["avg_engagement_rate_percentile"] == pytest.approx((25 + 0.5) / 51)
    assert found["avg_engagement_rate_usual"] == pytest.approx(0.30)
    assert found["avg_engagement_rate_low"] == pytest.approx(0.055)
    assert found["avg_engagement_rate_high"] == pytest.approx(0.545)
    assert found["times_expected"] == pytest.approx(1.0)


def test_ties_count_half_and_missing_values_are_no_peers() -> None:
    rates: list[float | None] = [0.1] * 20 + [None] * 5 + [0.3]
    found = peers_of(features(rates))
    assert found["avg_engagement_rate_known"].tolist() == [21] * 26
    assert found["avg_engagement_rate_percentile"].iloc[0] == pytest.approx((0 + 0.5 * 20) / 21)
    assert found["avg_engagement_rate_percentile"].iloc[25] == pytest.approx((20 + 0.5) / 21)
    assert found["avg_engagement_rate_percentile"].iloc[20:25].isna().all()


def test_too_few_known_peers_give_no_percentile_and_no_range() -> None:
    found = peers_of(features([0.1] * (FEWEST_KNOWN - 1) + [None] * 30))
    assert (
        found[["avg_engagement_rate_percentile", "avg_engagement_rate_usual", "times_expected"]].isna().all(axis=None)
    )


def test_nothing_is_expected_where_the_median_is_zero() -> None:
    assert peers_of(features([0.0] * 40 + [0.5]))["times_expected"].isna().all()


def test_growth_is_ranked_where_it_is_known() -> None:
    table = features([0.1] * 30)
    found = peers_of(table, account_id=table["account_id"][:25], growth_30_days=[n / 10 for n in range(25)])
    assert found["growth_30_days_known"].tolist() == [25] * 26 + [24, 23, 22, 21]
    assert found["growth_30_days_percentile"].iloc[24] == pytest.approx(24.5 / 25)
    unknown = peers_of(table, account_id=table["account_id"], growth_30_days=pa.array([None] * 30, pa.float64()))
    assert unknown["growth_30_days"].isna().all()
    pd.testing.assert_frame_equal(peers_of(table), unknown)


@settings(max_examples=10, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 50), st.none() | st.sampled_from([0.0, 0.1, 0.2, 5.0])), min_size=1, max_size=80
    )
)
def test_the_engine_ranks_as_numpy_does(rows: list[tuple[int, float | None]]) -> None:
    table = features([rate for _, rate in rows], [size for size, _ in rows])
    found = peers_of(table)
    order = sorted(range(len(rows)), key=lambda number: (rows[number][0], number))
    for place, number in enumerate(order):
        near = [rows[other][1] for other in order[max(0, place - 25) : place + 26]]
        known = np.array([rate for rate in near if rate is not None])
        value, row = rows[number][1], found.iloc[number]
        assert row["peers"] == len(near)
        if value is None or len(known) < FEWEST_KNOWN:
            assert pd.isna(row["avg_engagement_rate_percentile"])
        else:
            rank = ((known < value).sum() + 0.5 * (known == value).sum()) / len(known)
            assert math.isclose(row["avg_engagement_rate_percentile"], rank)
            assert math.isclose(row["avg_engagement_rate_high"], np.quantile(known, 0.99))


def test_the_order_of_the_rows_does_not_matter() -> None:
    table = features([number % 7 / 10 for number in range(90)], [number % 3 for number in range(90)])
    turned = table.take(list(range(89, -1, -1)))
    pd.testing.assert_frame_equal(peers_of(table), peers_of(turned))
    assert nw.from_native(table).shape == (90, 7)
