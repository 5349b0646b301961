"""The population stability index against sums by hand: ties, constants, missing values and few rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random
from typing import Any

import narwhals as nw
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tiktok_pipeline.features.catalog import feature_names
from tiktok_pipeline.features.drift import MAJOR, MODERATE, Drift, drift
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse
from tiktok_pipeline_tests.features.frames import features
from tiktok_pipeline_tests.hypothesis_profiles import examples

Values = Sequence[float | bool | None]


def frame(engine: DuckDBWarehouse, **columns: Values) -> nw.LazyFrame[Any]:
    """Return a lazy frame of the engine; columns of None only are numbers."""
    arrays = {
        name: pa.array(values, None if any(value is not None for value in values) else pa.float64())
        for name, values in columns.items()
    }
    return engine.persist(pa.table(arrays))


def moved(engine: DuckDBWarehouse, before: Values, now: Values) -> Drift:
    (found,) = drift(frame(engine, x=list(before)), frame(engine, x=list(now)), ["x"], engine)
    assert found.feature == "x"
    assert (found.rows_before, found.rows_now) == (len(before), len(now))
    assert (found.psi is None) == (found.why_not is not None)
    return found


def psi(engine: DuckDBWarehouse, before: Values, now: Values) -> float:
    found = moved(engine, before, now).psi
    assert found is not None
    return found


BELL = [float(value) for value in np.random.default_rng(3).normal(10.0, 2.0, 2_000)]


@pytest.mark.parametrize(("no", "yes"), [(0.0, 1.0), (False, True), (0, 1)])
def test_two_bins_worked_out_by_hand(engine: DuckDBWarehouse, no: float, yes: float) -> None:
    # Shares 3/4 and 1/4, then 1/2 and 1/2: (1/2 - 3/4) ln(2/3) + (1/2 - 1/4) ln(2) = 1/4 ln(3)
    found = psi(engine, [no] * 300 + [yes] * 100, [no] * 400 + [yes] * 400)
    assert found == pytest.approx(0.25 * math.log(3), rel=1e-12)


def test_ten_bins_worked_out_by_hand(engine: DuckDBWarehouse) -> None:
    # Each tenth has 1/10 before; now the lower half has 1/20 each and the upper half 3/20 each, open at the end.
    # 5 (-1/20) ln(1/2) + 5 (1/20) ln(3/2) = 1/4 (ln(2) + ln(3/2)) = 1/4 ln(3)
    before = range(1_000)
    now = [*range(0, 500, 2), *range(500, 1_000), *range(500, 900, 2), *range(5_000, 5_050)]
    assert psi(engine, list(before), now) == pytest.approx(0.25 * math.log(3), rel=1e-12)


def test_equal_snapshots_have_no_drift(engine: DuckDBWarehouse) -> None:
    assert psi(engine, BELL, BELL) == 0.0
    assert psi(engine, [*BELL, None], [*BELL, None]) == 0.0


@pytest.mark.parametrize("values", [[0.0] * 60 + [1.0] * 40, [7.0] * 100, [*[0.0] * 50, *range(50)]])
def test_twice_the_rows_of_one_distribution_have_no_drift(engine: DuckDBWarehouse, values: list[float]) -> None:
    assert psi(engine, values * 10, values * 20) == pytest.approx(0.0, abs=1e-15)


def test_another_sample_of_one_distribution_is_below_and_a_shifted_one_above(engine: DuckDBWarehouse) -> None:
    random = np.random.default_rng(5)
    assert psi(engine, BELL, list(random.normal(10.0, 2.0, 2_000))) < MODERATE / 2
    assert psi(engine, BELL, list(random.normal(12.0, 2.0, 2_000))) > MAJOR


def test_more_zeros_are_drift(engine: DuckDBWarehouse) -> None:
    # Zeros 0.6 and four tenths of 0.1, then 0.9 and 0.025 each: 0.3 ln(1.5) - 4 (0.075) ln(0.25) = 0.3 ln(6)
    before = [0.0] * 600 + [float(value) for value in range(1, 401)]
    now = [0.0] * 900 + [float(value) for value in range(4, 401, 4)]
    assert psi(engine, before, now) == pytest.approx(0.3 * math.log(6), rel=1e-12)


@pytest.mark.parametrize("sign", [-1.0, 1.0])
@pytest.mark.parametrize("tied", [0.0, 7.0, -0.3])
def test_a_tied_value_is_a_bin_of_its_own(engine: DuckDBWarehouse, tied: float, sign: float) -> None:
    # 0.95 at the value and 0.05 beside it, then half and half: (-0.45) ln(0.5 / 0.95) + 0.45 ln(10) = 0.45 ln(19)
    before = [tied] * 950 + [tied + sign * step for step in range(1, 51)]
    now = [tied] * 500 + [tied + sign * step for step in range(1, 501)]
    assert psi(engine, before, now) == pytest.approx(0.45 * math.log(19), rel=1e-12)


@pytest.mark.parametrize("constant", [0.0, 7.0, -7.0, 0.804262178305, 3.08370116443e-09, 3_416_412.89385])
@pytest.mark.parametrize("step", [-1e-11, 1e-11, -1.0, 1.0])
def test_a_constant_that_changes_is_drift(engine: DuckDBWarehouse, constant: float, step: float) -> None:
    # One bin of all rows, one of none, and the other way round: 2 (1 - 0.5 / 500) ln(500 / 0.5)
    after = constant + step * (abs(constant) or 1.0)
    expected = pytest.approx(2 * 0.999 * math.log(1_000), rel=1e-12)
    assert psi(engine, [constant] * 500, [after] * 500) == expected
    assert psi(engine, [constant] * 500, [constant] * 300) == 0.0


def test_a_changed_share_of_missing_values_is_drift(engine: DuckDBWarehouse) -> None:
    # NULL 0.1, then 0.4: 0.3 ln(4) - 0.3 ln(0.6 / 0.9) = 0.3 ln(6)
    before, now = [7.0] * 900 + [None] * 100, [7.0] * 600 + [None] * 400
    assert psi(engine, before, now) == pytest.approx(0.3 * math.log(6), rel=1e-12)


def test_a_feature_that_appears_or_disappears_is_drift(engine: DuckDBWarehouse) -> None:
    expected = pytest.approx(2 * 0.999 * math.log(1_000), rel=1e-12)
    assert psi(engine, [None] * 500, BELL[:500]) == expected
    assert psi(engine, [7.0] * 500, [None] * 500) == expected


def test_without_a_value_in_either_snapshot_there_is_no_index(engine: DuckDBWarehouse) -> None:
    assert moved(engine, [None] * 500, [None] * 400) == Drift("x", None, 500, 400, "no value in either snapshot")
    assert moved(engine, [], []).why_not == "no value in either snapshot"


@pytest.mark.parametrize(
    ("before", "now", "why_not"),
    [
        # Ten bins: 9 (1/360 + 1/360) is 0.05, which is the most that is allowed.
        (range(360), range(360), None),
        (range(359), range(360), "too few rows to tell drift from chance (359 before, 360 now)"),
        (range(5_000), range(100), "too few rows to tell drift from chance (5,000 before, 100 now)"),
        # Edges that meet a value each, which is no tie: no more bins for it.
        (range(361), range(361), None),
        # A constant: 1 (1/40 + 1/40)
        ([7.0] * 40, [7.0] * 40, None),
        ([7.0] * 40, [8.0] * 39, "too few rows to tell drift from chance (40 before, 39 now)"),
        ([7.0], [7.0], "too few rows to tell drift from chance (1 before, 1 now)"),
        (range(900), [], "too few rows to tell drift from chance (900 before, 0 now)"),
        ([], range(900), "too few rows to tell drift from chance (0 before, 900 now)"),
    ],
)
def test_too_few_rows_have_no_index(
    engine: DuckDBWarehouse, before: Values, now: Values, why_not: str | None
) -> None:
    assert moved(engine, before, now).why_not == why_not


def test_drift_returns_the_features_in_the_given_order(engine: DuckDBWarehouse) -> None:
    one, other = [float(value) for value in range(500)], [7.0] * 500
    before, now = frame(engine, a=one, b=other, c=[None] * 500), frame(engine, c=[None] * 500, b=one, a=one)
    found = drift(before, now, ["b", "c", "a"], engine)
    assert [item.feature for item in found] == ["b", "c", "a"]
    assert found[0] == Drift("b", psi(engine, other, one), 500, 500, None)
    assert [item.psi for item in found[1:]] == [None, 0.0]
    assert drift(before, now, [], engine) == []


def test_the_numeric_features_of_a_snapshot_are_compared(engine: DuckDBWarehouse) -> None:
    names = feature_names("profiles")
    before = engine.persist(features(engine, [{"followers": value, "is_verified": 0.0} for value in BELL]))
    now = features(engine, [{"followers": value + 3.0, "is_verified": 0.0} for value in BELL])
    found = {item.feature: item for item in drift(before, now, names, engine)}
    assert list(found) == names
    assert found["followers"].psi is not None
    assert found["followers"].psi > MAJOR
    assert found["is_verified"].psi == 0.0
    assert {item.why_not for item in found.values()} == {None, "no value in either snapshot"}


_CELLS = st.one_of(
    st.none(),
    st.sampled_from([0.0, -0.0, 1.0, 0.1, -7.3]),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
)
_COLUMNS = st.lists(_CELLS, min_size=1, max_size=12)


@settings(max_examples=examples(40), deadline=None)
@given(before=_COLUMNS, now=_COLUMNS, seed=st.integers(0, 1_000))
def test_the_index_is_not_negative_and_ignores_the_order_of_rows(
    engine: DuckDBWarehouse, before: list[float | None], now: list[float | None], seed: int
) -> None:
    before, now = before * 400, now * 400
    found = moved(engine, before, now)
    assert (found.psi is None) == (not any(value is not None for value in before + now))
    assert found.psi is None or found.psi >= 0.0
    shuffle = Random(seed).shuffle
    shuffle(before)
    shuffle(now)
    assert moved(engine, before, now) == found
