"""The rules that choose the rows of a fit, against the same rules in pandas."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tiktok_pipeline.clusters.fit_rows import build_fit_filter, count_by_step
from tiktok_pipeline.recipes.segmentation import InterquartileRule
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse
from tiktok_pipeline_tests.features.frames import features, pandas
from tiktok_pipeline_tests.hypothesis_profiles import examples

COLUMNS = ("avg_engagement_rate", "comment_engagement_rate", "followers")


def plain_rule(rows: pd.DataFrame, columns: tuple[str, ...], width: float) -> tuple[list[int], list[int]]:
    """Apply the published rule: filter by one column, then compute the next quartiles on the remaining rows."""
    counts = []
    for column in columns:
        low, high = rows[column].quantile(0.25), rows[column].quantile(0.75)
        spread = width * (high - low)
        if not np.isnan(low):
            rows = rows[(rows[column] >= low - spread) & (rows[column] <= high + spread)]
            counts.append(len(rows))
    return list(rows["source_row"]), counts


def decide(
    engine: DuckDBWarehouse, rows: list[dict[str, Any]], *, drop_missing: bool = False, **rule: Any
) -> tuple[list[int], dict[str, float]]:
    frame = features(engine, rows)
    chosen = InterquartileRule(**rule) if rule else None
    seen = build_fit_filter(frame, features=COLUMNS, drop_missing=drop_missing, rule=chosen)
    kept = list(pandas(frame.filter(seen.condition), "source_row")["source_row"])
    return kept, count_by_step(frame, seen)


_CELLS = st.none() | st.sampled_from([0.0, 1.0, 2.0, 3.5, 50.0, 1e6]) | st.integers(0, 100).map(float)
_ROWS = st.lists(st.fixed_dictionaries(dict.fromkeys(COLUMNS, _CELLS)), min_size=1, max_size=30)


@settings(max_examples=examples(25), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rows=_ROWS, width=st.sampled_from([0.5, 1.5, 3.0]))
def test_the_filter_agrees_with_the_rule_in_pandas(
    engine: DuckDBWarehouse, rows: list[dict[str, Any]], width: float
) -> None:
    kept, counts = decide(engine, rows, columns=COLUMNS, width=width)
    plain = pd.DataFrame(rows, dtype="float64").assign(source_row=range(1, len(rows) + 1))
    expected, left = plain_rule(plain, COLUMNS, width)
    assert kept == expected
    assert [
        count for name, count in counts.items() if name.startswith("rows_after_") and "missing" not in name
    ] == left


def test_quartiles_are_of_the_rows_that_earlier_columns_kept(engine: DuckDBWarehouse) -> None:
    rows = [{"avg_engagement_rate": 1.0, "followers": float(number)} for number in range(9)]
    rows += [{"avg_engagement_rate": 99.0, "followers": 1_000.0 + number} for number in range(2)]
    kept, counts = decide(engine, rows, columns=("avg_engagement_rate", "followers"))
    assert kept == list(range(1, 10))
    assert (counts["lower_followers"], counts["upper_followers"]) == (-4.0, 12.0)
    assert counts["rows_after_avg_engagement_rate"] == 9.0


def test_a_value_on_the_fence_is_kept(engine: DuckDBWarehouse) -> None:
    # quartiles 1 and 3, so the fences are -2 and 6
    rows = [{"followers": value} for value in (0.0, 1.0, 2.0, 3.0, 6.0)]
    kept, counts = decide(engine, rows, columns=("followers",))
    assert (counts["lower_followers"], counts["upper_followers"]) == (-2.0, 6.0)
    assert kept == [1, 2, 3, 4, 5]


def test_rows_without_a_value_are_left_out_if_the_study_drops_them(engine: DuckDBWarehouse) -> None:
    whole: dict[str, Any] = dict.fromkeys(COLUMNS, 1.0)
    rows = [whole, whole | {"followers": None}, whole, dict.fromkeys(COLUMNS)]
    kept, counts = decide(engine, rows, drop_missing=True)
    assert kept == [1, 3]
    assert counts == {"rows": 4.0, "rows_after_missing": 2.0}
    assert decide(engine, rows, drop_missing=False)[0] == [1, 2, 3, 4]


def test_the_condition_is_never_null(engine: DuckDBWarehouse) -> None:
    rows = [{"followers": value} for value in (1.0, 2.0, None, 3.0)]
    frame = features(engine, rows)
    seen = build_fit_filter(
        frame, features=("followers",), drop_missing=False, rule=InterquartileRule(columns=("followers",))
    )
    decided = pandas(frame.select("source_row", seen.condition.alias("kept")), "source_row")
    assert list(decided["kept"]) == [True, True, False, True]


@pytest.mark.parametrize("rows", [[], [{"followers": None}]])
def test_a_column_without_values_has_no_fences(engine: DuckDBWarehouse, rows: list[dict[str, Any]]) -> None:
    kept, counts = decide(engine, rows, columns=("followers",))
    assert len(kept) == len(rows)
    assert set(counts) == {"rows", "rows_after_missing"}
