"""Statistics against pandas and scipy: ordinary, constant, short and empty columns, and missing values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tiktok_pipeline.features.catalog import feature_names
from tiktok_pipeline.features.schema import STATISTICS_SCHEMA, STATISTICS_TABLE
from tiktok_pipeline.features.statistics import LARGEST_TEST, QUANTILES, correlate, describe, judge_normality
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse
from tiktok_pipeline_tests.features.frames import features, records


def columns(rows: int = 200) -> pd.DataFrame:
    """Return heavy-tailed followers, a rate with missing values, a constant, and empty other columns."""
    random = np.random.default_rng(11)
    followers = np.exp(random.normal(8, 2, rows)).round()
    rate = 1 / (1 + followers**0.4) * random.uniform(0.5, 2, rows)
    rate[random.random(rows) < 0.3] = np.nan
    return pd.DataFrame({"followers": followers, "avg_engagement_rate": rate, "videos_count": 7.0})


def of_profiles(engine: DuckDBWarehouse, rows: list[dict[str, Any]]) -> pd.DataFrame:
    frame = features(engine, rows)
    return describe(frame, "profiles", frame)


def described(engine: DuckDBWarehouse, values: pd.DataFrame) -> dict[tuple[str, str], float]:
    found = STATISTICS_SCHEMA.validate(of_profiles(engine, records(values)))
    assert set(found["other_feature"]) == {""}
    return {(row["feature"], row["statistic"]): row["value"] for row in found.astype(object).to_dict("records")}


@pytest.mark.parametrize("name", ["followers", "avg_engagement_rate"])
def test_describe_agrees_with_pandas(engine: DuckDBWarehouse, name: str) -> None:
    values = columns()
    found, column = described(engine, values), values[name]
    expected = {
        "rows": len(column),
        "missing": column.isna().sum(),
        "mean": column.mean(),
        "std": column.std(),
        **{key: column.quantile(share) for key, share in QUANTILES.items()},
    }
    assert {key: found[name, key] for key in expected} == pytest.approx(expected, rel=1e-9)
    skewness = column.skew()
    assert isinstance(skewness, float)
    assert found[name, "skewness"] == float(f"{skewness:.5e}"), "the other digits depend on the order of summing"


def test_every_numeric_feature_is_described_in_the_columns_of_the_table(engine: DuckDBWarehouse) -> None:
    found = of_profiles(engine, [{"followers": 1.0}])
    assert list(found.columns) == STATISTICS_TABLE.frame_names
    assert list(dict.fromkeys(found["feature"])) == feature_names("profiles")


def test_a_constant_column_has_no_spread_and_no_skewness(engine: DuckDBWarehouse) -> None:
    found = described(engine, columns())
    assert (found["videos_count", "mean"], found["videos_count", "std"]) == (7.0, 0.0)
    assert pd.isna(found["videos_count", "skewness"])


def test_a_column_without_values_is_all_missing(engine: DuckDBWarehouse) -> None:
    found = described(engine, columns(20))
    assert (found["likes", "rows"], found["likes", "missing"]) == (20, 20)
    assert all(pd.isna(found["likes", key]) for key in ("mean", "std", "skewness", *QUANTILES))


@pytest.mark.parametrize("rows", [1, 2])
def test_too_few_rows_have_no_skewness(engine: DuckDBWarehouse, rows: int) -> None:
    found = described(engine, columns(rows))
    assert pd.isna(found["followers", "skewness"])
    assert pd.isna(found["followers", "std"]) == (rows == 1)


def test_describe_of_no_rows_is_empty(engine: DuckDBWarehouse) -> None:
    found = of_profiles(engine, [])
    assert list(found.columns) == STATISTICS_TABLE.frame_names
    assert found.empty
    assert correlate(columns(0), "profiles").empty


def correlated(values: pd.DataFrame) -> dict[tuple[str, str, str], float]:
    found = STATISTICS_SCHEMA.validate(correlate(values, "profiles")).astype(object)
    return {
        (row["statistic"], row["feature"], row["other_feature"]): row["value"] for row in found.to_dict("records")
    }


def test_correlations_with_missing_values_agree_with_scipy() -> None:
    values = columns()
    both = values.dropna()
    found = correlated(values)
    pair = ("followers", "avg_engagement_rate")
    assert found["pearson", *pair] == pytest.approx(stats.pearsonr(both[pair[0]], both[pair[1]]).statistic, rel=1e-12)
    assert found["spearman", *pair] == pytest.approx(
        stats.spearmanr(both[pair[0]], both[pair[1]]).statistic, rel=1e-12
    )


@settings(deadline=None, max_examples=30)
@given(
    cells=st.lists(
        st.tuples(*[st.one_of(st.none(), st.integers(-3, 3), st.integers(-100, 100)) for _ in range(4)]),
        min_size=3,
        max_size=30,
    )
)
def test_spearman_equals_the_one_of_pandas(cells: list[tuple[int | None, ...]]) -> None:
    values = pd.DataFrame(cells, columns=["followers", "likes", "following", "videos_count"], dtype="float64")
    found = correlated(values)
    expected = values.corr(method="spearman")
    for (statistic, a, b), value in found.items():
        if statistic == "spearman":
            known = math.nan if value is None else value
            assert known == pytest.approx(expected[a][b], rel=1e-9, abs=1e-12, nan_ok=True)


def test_spearman_depends_on_the_order_only() -> None:
    values = pd.DataFrame({"followers": [1.0, 2.0, 3.0, 4.0], "likes": [1.0, 10.0, 1e6, 1e12]})
    found = correlated(values)
    assert found["spearman", "followers", "likes"] == pytest.approx(1.0)
    assert found["pearson", "followers", "likes"] < 0.8


def test_a_constant_column_has_no_correlation() -> None:
    found = correlated(columns())
    assert {key[1:] for key, value in found.items() if pd.isna(value)} == {
        ("followers", "videos_count"),
        ("videos_count", "avg_engagement_rate"),
    }
    assert len(found) == 2 * 3


def judged(followers: np.ndarray | Sequence[float | None]) -> dict[str, float | None]:
    """Return the three statistics of one feature; None if one is not defined."""
    sample = pd.DataFrame({"account_id": "a", "followers": np.asarray(followers, dtype="float64")})
    found = STATISTICS_SCHEMA.validate(judge_normality(sample, "profiles"))
    assert set(found["feature"]) == {"followers"}
    assert set(found["other_feature"]) == {""}
    return {
        row["statistic"]: None if pd.isna(row["value"]) else row["value"]
        for row in found.astype(object).to_dict("records")
    }


RANDOM = np.random.default_rng(4)
BELL = RANDOM.normal(10.0, 2.0, 400)
NOTHING = {"normality": None, "normality_p": None, "is_skewness_within_1": None}


def test_a_normal_feature_passes_the_test_and_the_rule_of_skewness() -> None:
    found = judged(BELL)
    expected = stats.normaltest(BELL)
    assert (found["normality"], found["normality_p"]) == pytest.approx((expected.statistic, expected.pvalue))
    assert expected.pvalue > 0.01
    assert found["is_skewness_within_1"] == 1.0


def test_a_heavy_tail_is_rejected_by_both() -> None:
    found = judged(np.exp(BELL))
    assert found["normality_p"] is not None
    assert found["normality_p"] < 1e-6
    assert found["is_skewness_within_1"] == 0.0


def test_a_bimodal_feature_passes_the_rule_of_skewness_but_not_the_test() -> None:
    found = judged(np.concatenate([RANDOM.normal(0.0, 1.0, 300), RANDOM.normal(9.0, 1.0, 300)]))
    assert found["normality_p"] is not None
    assert found["normality_p"] < 1e-6
    assert found["is_skewness_within_1"] == 1.0


def test_skewness_is_adjusted_and_can_be_negative() -> None:
    # 6 of 21: biased 0.949, adjusted 1.023
    few = [1.0] * 6 + [0.0] * 15
    assert stats.skew(few) == pytest.approx(0.9487, abs=1e-4)
    assert judged(few)["is_skewness_within_1"] == 0.0
    assert judged([-value for value in few])["is_skewness_within_1"] == 0.0


@pytest.mark.parametrize("values", [[7.0] * 30, [], [None] * 40, [*BELL[:19]], [*BELL[:19], None, None]])
def test_a_constant_or_short_feature_has_no_test_of_normality(values: list[float | None]) -> None:
    assert judged(values) == NOTHING


def test_missing_values_are_left_out_of_the_test() -> None:
    assert judged([*BELL[:20], *[None] * 20]) == judged(BELL[:20])
    assert None not in judged(BELL[:20]).values()


def test_the_test_of_normality_reads_a_bounded_number_of_rows() -> None:
    bell = RANDOM.normal(0.0, 1.0, LARGEST_TEST)
    assert judged([*bell, *[1e9] * 500]) == judged(bell)


def test_every_feature_of_the_sample_is_tested() -> None:
    found = judge_normality(columns(30), "profiles")
    assert list(found.columns) == STATISTICS_TABLE.frame_names
    assert list(dict.fromkeys(found["feature"])) == ["followers", "videos_count", "avg_engagement_rate"]
    assert len(found) == 3 * len(NOTHING)
    assert judge_normality(columns(0)[[]], "profiles").empty


def test_a_feature_that_differs_by_rounding_alone_is_constant() -> None:
    values = [0.1, np.nextafter(0.1, 1.0)] * 200
    sample = pd.DataFrame({"comment_share": values, "followers": [float(row) for row in range(400)]})
    normality = judge_normality(sample, "profiles")
    values_of = normality[normality["feature"] == "comment_share"]["value"]
    assert len(values_of) == 3
    assert values_of.isna().all()
    pairs = correlate(sample, "profiles")
    assert pairs[(pairs["feature"] == "comment_share")]["value"].isna().all()
