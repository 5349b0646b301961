"""Who is a positive: thresholds by hand and against NumPy, missing values, and too few rows of a kind."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tiktok_pipeline.classifiers.labels import (
    NotEnoughRowsError,
    check_class_counts,
    label_threshold,
    positives,
)
from tiktok_pipeline.recipes.classification import Label
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse
from tiktok_pipeline_tests.features.frames import features
from tiktok_pipeline_tests.hypothesis_profiles import examples

ABOVE = Label(name="above 5 %", feature="avg_engagement_rate", above=0.05)


def top(share: float) -> Label:
    return Label(name="top", feature="followers", top_share=share)


def test_above_is_strict() -> None:
    values = pd.Series([0.0, 0.05, np.nextafter(0.05, 1.0), 3.0])
    assert positives(values, ABOVE, 0.05).tolist() == [False, False, True, True]


def test_a_bound_is_its_own_threshold_whatever_the_rows(engine: DuckDBWarehouse) -> None:
    assert label_threshold(features(engine, [{"avg_engagement_rate": 9.0}]), ABOVE) == 0.05
    assert label_threshold(features(engine, [{}]), ABOVE) == 0.05


def test_the_top_share_reaches_its_quantile(engine: DuckDBWarehouse) -> None:
    # eleven values 0 .. 100: the upper fifth begins at 80 exactly, and who stands there belongs to it
    values = [float(value) for value in range(0, 101, 10)]
    threshold = label_threshold(features(engine, [{"followers": value} for value in values]), top(0.2))
    assert threshold == 80.0
    assert positives(pd.Series(values), top(0.2), threshold).tolist() == [False] * 8 + [True] * 3


def test_a_quantile_between_two_values_is_interpolated_linearly(engine: DuckDBWarehouse) -> None:
    frame = features(engine, [{"followers": value} for value in (1.0, 2.0, 4.0, 8.0)])
    # 0.75 of three steps: a quarter of the way from 4 to 8
    assert label_threshold(frame, top(0.25)) == pytest.approx(5.0)


def test_equal_values_are_all_in_or_all_out(engine: DuckDBWarehouse) -> None:
    values = [1.0] * 10 + [7.0] * 10
    threshold = label_threshold(features(engine, [{"followers": value} for value in values]), top(0.3))
    assert threshold == 7.0
    assert positives(pd.Series(values), top(0.3), threshold).sum() == 10


@settings(max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    values=st.lists(st.integers(0, 10**9) | st.sampled_from([0, 1, 500]), min_size=1, max_size=60),
    share=st.sampled_from([0.01, 0.05, 0.1, 0.25, 0.5, 0.9]),
)
def test_the_quantile_is_that_of_numpy(engine: DuckDBWarehouse, values: list[int], share: float) -> None:
    frame = features(engine, [{"followers": float(value)} for value in values])
    assert label_threshold(frame, top(share)) == pytest.approx(np.quantile(values, 1.0 - share), rel=1e-12)


def test_a_missing_value_does_not_count_towards_the_quantile(engine: DuckDBWarehouse) -> None:
    rows = [{"followers": value} for value in (1.0, None, 2.0, None, 3.0, None)]
    assert label_threshold(features(engine, rows), top(0.5)) == 2.0


def test_a_missing_value_is_no_positive() -> None:
    assert positives(pd.Series([np.nan, 1.0]), ABOVE, 0.05).tolist() == [False, True]
    assert positives(pd.Series([np.nan, 1.0]), top(0.5), 0.05).tolist() == [False, True]


def test_without_any_value_there_is_no_quantile(engine: DuckDBWarehouse) -> None:
    assert label_threshold(features(engine, [{}, {}]), top(0.5)) is None
    assert label_threshold(features(engine, []), top(0.5)) is None


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        ([True] * 4 + [False] * 2, "2 negative of 6 labeled profiles, at least 3 needed"),
        ([False] * 9, "0 positive of 9 labeled profiles, at least 3 needed"),
        ([], "0 positive of 0 labeled profiles, at least 3 needed"),
    ],
)
def test_too_few_of_a_kind_say_how_many_there_are(flags: list[bool], text: str) -> None:
    with pytest.raises(NotEnoughRowsError, match=f"^{text}$"):
        check_class_counts(np.array(flags, dtype=np.bool_), at_least=3)


def test_as_many_as_needed_are_enough() -> None:
    flags = np.array([True, False] * 3)
    check_class_counts(flags, at_least=3)
    with pytest.raises(NotEnoughRowsError):
        check_class_counts(flags, at_least=4)
