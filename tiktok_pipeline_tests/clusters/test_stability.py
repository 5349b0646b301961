"""Stability: the Jaccard coefficient by hand, blobs with a known answer, and what is measured when."""

from __future__ import annotations

import ast
import math
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score, silhouette_samples
from threadpoolctl import threadpool_limits

from tiktok_pipeline.arrays import Matrix
from tiktok_pipeline.clusters import stability
from tiktok_pipeline.clusters.model import SegmentModel, from_frame, to_frame
from tiktok_pipeline.clusters.schema import (
    MODELS_TABLE,
    STABILITY_RUNS_SCHEMA,
    STABILITY_RUNS_TABLE,
    STABILITY_SCHEMA,
    STABILITY_TABLE,
)
from tiktok_pipeline.clusters.stability import (
    FitSettings,
    StabilityResult,
    bootstrap_jaccard,
    fingerprint,
    jaccard,
    measure,
)
from tiktok_pipeline.personas.verdict import Measured, segment_verdict
from tiktok_pipeline.processes import map_in_processes
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse
from tiktok_pipeline_tests.features.frames import records, stored

RANDOM = np.random.default_rng(8)
CENTERS = np.array([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0]])
BLOBS = np.concatenate([RANDOM.normal(center, 0.3, (40, 2)) for center in CENTERS])
ONE_BLOB = np.random.default_rng(10).normal(0.0, 1.0, (150, 3))
SETTINGS = FitSettings(k=3, n_init=3, random_state=42, k_range=(2, 4), sweep_n_init=2, draws=20)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """`measure` limits the threads itself; many small fits on many threads take ten times as long."""
    with threadpool_limits(1):
        yield


def a_model(centroids: Matrix | list[list[float]]) -> SegmentModel:
    """Return a model in scaled units: its features are the columns of the matrix."""
    points = np.asarray(centroids, dtype=np.float64)
    count = points.shape[1]
    names = ("followers", "likes", "videos_count")[:count]
    return SegmentModel(names, ("identity",) * count, (None,) * count, np.zeros(count), np.ones(count), points)


def cut(matrix: Matrix, k: int) -> SegmentModel:
    return a_model(KMeans(k, n_init=3, random_state=42).fit(matrix).cluster_centers_)


def values(trust: StabilityResult, measure_: str) -> pd.Series[float]:
    """Return the values of one measure by k."""
    return trust.runs[trust.runs["measure"] == measure_].set_index("k")["value"]


@pytest.fixture(scope="module")
def of_blobs() -> StabilityResult:
    """Measure three separate blobs."""
    return measure(BLOBS, a_model(CENTERS), SETTINGS)


@pytest.fixture(scope="module")
def of_one_blob() -> StabilityResult:
    """Measure one blob divided into five clusters."""
    return measure(ONE_BLOB, cut(ONE_BLOB, 5), replace(SETTINGS, k=5, n_init=1))


# The coefficient


@pytest.mark.parametrize(
    ("kept", "other", "expected"),
    [
        ([0, 0, 0, 1], [1, 1, 0, 0], [2 / 3, 1 / 2]),
        ([0, 0, 1, 1], [1, 1, 0, 0], [1.0, 1.0]),
        ([0, 0, 1, 1], [0, 1, 0, 1], [1 / 3, 1 / 3]),
        # the first: {0,1} of {0,1,2,3} is 1/2, {2,3} of {2,3,4,5} is 2/6; the second: {4,5} of {2,3,4,5} is 1/2
        ([0, 0, 0, 0, 1, 1], [0, 0, 1, 1, 1, 1], [1 / 2, 1 / 2]),
        ([0, 0, 0, 0], [0, 1, 2, 3], [1 / 4]),
        ([2, 2, 0], [0, 0, 5], [1.0, None, 1.0, None]),
        ([0], [7], [1.0]),
    ],
)
def test_jaccard_by_hand(kept: list[int], other: list[int], expected: list[float | None]) -> None:
    found = jaccard(np.array(kept), np.array(other), len(expected))
    assert found.tolist() == pytest.approx([np.nan if value is None else value for value in expected], nan_ok=True)


@st.composite
def clusterings(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """Draw two clusterings of the same rows, and other numbers for the second."""
    rows = draw(st.integers(1, 30))
    labels = st.lists(st.integers(0, 5), min_size=rows, max_size=rows)
    return np.array(draw(labels)), np.array(draw(labels)), draw(st.permutations(range(6)))


@given(clusterings())
def test_jaccard_agrees_with_sets_for_any_cluster_numbers(case: Any) -> None:
    kept, other, names = case
    found = jaccard(kept, other, 6)
    for cluster in range(6):
        own = set(np.flatnonzero(kept == cluster))
        others = [set(np.flatnonzero(other == number)) for number in set(other)]
        best = max(len(own & cluster) / len(own | cluster) for cluster in others)
        assert np.isnan(found[cluster]) if not own else found[cluster] == pytest.approx(best)
    renamed = np.array(names)
    np.testing.assert_array_equal(jaccard(kept, renamed[other], 6), found)
    np.testing.assert_array_equal(jaccard(renamed[kept], other, 6)[renamed], found)
    seen = found[~np.isnan(found)]
    assert ((seen > 0) & (seen <= 1)).all()
    assert set(jaccard(kept, renamed[kept], 6)[sorted(set(kept))]) == {1.0}


def test_nearest_gives_a_tie_to_the_lowest_number() -> None:
    model = a_model([[2.0], [0.0], [2.0]])
    assert model.predict(np.array([[-9.0], [0.9], [1.0], [2.0], [99.0]])).tolist() == [1, 1, 0, 0, 0]


# What is known of the answer


def test_separate_blobs_are_stable(of_blobs: StabilityResult) -> None:
    found = STABILITY_SCHEMA.validate(of_blobs.stability)
    assert list(found.columns) == STABILITY_TABLE.frame_names
    assert found["cluster"].tolist() == [0, 1, 2]
    assert found["jaccard"].tolist() == pytest.approx([1.0] * 3)
    assert found["share_of_draws"].tolist() == [1.0] * 3
    assert found["profiles"].tolist() == [40] * 3
    assert (found["silhouette"] > 0.9).all()
    assert found["standard_error"].tolist() == pytest.approx([0.0] * 3)
    assert found["share_recovered"].tolist() == [1.0] * 3
    assert found["share_dissolved"].tolist() == [0.0] * 3
    assert found["jaccard_cold"].tolist() == found["jaccard"].tolist()
    measured = [Measured(row["jaccard"], row["standard_error"], row["profiles"]) for row in found.to_dict("records")]
    assert {segment_verdict(one).label for one in measured} == {"stable"}


def test_every_seed_finds_separate_blobs(of_blobs: StabilityResult) -> None:
    runs = STABILITY_RUNS_SCHEMA.validate(of_blobs.runs)
    assert list(runs.columns) == STABILITY_RUNS_TABLE.frame_names
    assert values(of_blobs, "adjusted_rand_index").tolist() == [1.0] * 20
    inertia = values(of_blobs, "inertia")
    fitted = KMeans(3, n_init=3, random_state=0).fit(BLOBS)
    assert inertia.tolist() == pytest.approx([fitted.inertia_] * 10)
    of_seeds = runs[runs["measure"] == "adjusted_rand_index"]
    assert of_seeds["seed"].tolist() == list(range(20))
    assert runs[runs["measure"] == "inertia"]["seed"].tolist() == list(range(10))
    assert set(of_seeds["k"]) == {3}


def test_a_divided_blob_is_not_stable(of_one_blob: StabilityResult) -> None:
    found = STABILITY_SCHEMA.validate(of_one_blob.stability)
    assert (found["jaccard"] < 0.75).all()
    assert found["jaccard"].min() < 0.6
    assert values(of_one_blob, "adjusted_rand_index").mean() < 0.7
    assert len(set(values(of_one_blob, "adjusted_rand_index"))) > 5


def test_agreement_is_with_the_kept_fit_and_uses_the_starts_of_the_study(of_one_blob: StabilityResult) -> None:
    kept = cut(ONE_BLOB, 5).predict(ONE_BLOB)
    fits = [KMeans(5, n_init=1, random_state=seed).fit(ONE_BLOB) for seed in range(20)]
    expected = [adjusted_rand_score(kept, fit.labels_) for fit in fits]
    assert values(of_one_blob, "adjusted_rand_index").tolist() == pytest.approx(expected)
    assert values(of_one_blob, "inertia").tolist() == pytest.approx([fit.inertia_ for fit in fits[:10]])
    assert values(of_one_blob, "single_start_rand_index").tolist() == pytest.approx(expected)


def test_single_starts_are_told_apart_from_the_starts_of_the_study() -> None:
    kept = cut(ONE_BLOB, 5)
    trust = measure(ONE_BLOB, kept, replace(SETTINGS, k=5, n_init=8, draws=2))
    fits = [KMeans(5, n_init=1, random_state=seed).fit(ONE_BLOB) for seed in range(20)]
    expected = [adjusted_rand_score(kept.predict(ONE_BLOB), fit.labels_) for fit in fits]
    assert values(trust, "single_start_rand_index").tolist() == pytest.approx(expected)
    assert values(trust, "adjusted_rand_index").mean() > values(trust, "single_start_rand_index").mean()


def test_error_and_shares_of_the_draws_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the draws 0.5, 0.75, 1.0 and none: mean 0.75, deviation 0.25, one dissolved, two recovered."""
    drawn = np.array([[0.5, 0.4], [0.75, np.nan], [1.0, np.nan], [np.nan, np.nan]])
    monkeypatch.setattr(stability, "bootstrap_jaccard", lambda *_, **__: drawn)
    trust = measure(BLOBS, a_model(CENTERS[:2]), replace(SETTINGS, k=2, k_range=(2, 2), draws=4))
    first, second = STABILITY_SCHEMA.validate(trust.stability).to_dict("records")
    assert (first["jaccard"], first["share_of_draws"]) == (0.75, 0.75)
    assert first["standard_error"] == pytest.approx(0.25 / math.sqrt(3))
    assert (first["share_dissolved"], first["share_recovered"]) == pytest.approx((1 / 3, 2 / 3))
    assert (second["jaccard"], second["share_dissolved"]) == (0.4, 1.0)
    assert pd.isna(second["standard_error"])


def test_draws_of_a_fit_with_a_start_begin_there_and_cold_draws_are_stored_beside() -> None:
    kept = cut(ONE_BLOB, 5)
    settings = replace(SETTINGS, k=5, n_init=1)
    cold, warm = measure(ONE_BLOB, kept, settings), measure(ONE_BLOB, kept, settings, start=kept.centroids)
    assert warm.stability["jaccard_cold"].tolist() == cold.stability["jaccard"].tolist()
    assert cold.stability["jaccard_cold"].tolist() == cold.stability["jaccard"].tolist()
    assert warm.stability["jaccard"].min() > cold.stability["jaccard"].min()
    assert warm.stability["fingerprint"].iloc[0] != cold.stability["fingerprint"].iloc[0]
    drawn = bootstrap_jaccard(
        ONE_BLOB, kept.predict(ONE_BLOB), k=5, n_init=1, draws=20, seed=42, start=kept.centroids
    )
    assert warm.stability["jaccard"].tolist() == pytest.approx(np.nanmean(drawn, axis=0).tolist())


def test_the_silhouette_of_a_cluster_is_the_mean_of_scikit_learn(of_one_blob: StabilityResult) -> None:
    labels = cut(ONE_BLOB, 5).predict(ONE_BLOB)
    expected = pd.Series(silhouette_samples(ONE_BLOB, labels)).groupby(labels).mean()
    assert of_one_blob.stability["silhouette"].tolist() == pytest.approx(expected.tolist())


# The draws


def test_a_cluster_of_one_row_is_missing_from_a_third_of_the_draws() -> None:
    """With n rows, (1 - 1/n)^n of the draws miss it: 0.364 for 41 rows."""
    matrix = np.append(np.linspace(0.0, 1.0, 40), 99.0)[:, None]
    labels = np.array([0] * 40 + [1])
    found = bootstrap_jaccard(matrix, labels, k=2, n_init=1, draws=300, seed=5)
    assert np.isnan(found[:, 1]).mean() == pytest.approx(0.364, abs=0.08)
    assert not np.isnan(found[:, 0]).any()
    trust = measure(matrix, a_model([[0.5], [99.0]]), replace(SETTINGS, k=2, k_range=(2, 2), draws=300, n_init=1))
    assert trust.stability["share_of_draws"].tolist() == pytest.approx([1.0, 0.636], abs=0.08)
    # Where it is drawn it is found again: the mean is over those draws.
    assert trust.stability["jaccard"].iloc[1] == 1.0
    assert trust.stability["jaccard"].iloc[0] < 1.0


def test_a_draw_with_fewer_distinct_rows_than_clusters_misses_every_cluster() -> None:
    """Of 27 draws of three rows with replacement, 6 have all three; the others have no clustering."""
    found = bootstrap_jaccard(np.array([[0.0], [1.0], [2.0]]), np.arange(3), k=3, n_init=1, draws=200, seed=1)
    missed = np.isnan(found)
    assert (missed.all(axis=1) == missed.any(axis=1)).all()
    assert missed.any(axis=1).mean() == pytest.approx(21 / 27, abs=0.08)
    assert set(found[~missed]) == {1.0}


def test_a_row_that_is_drawn_twice_counts_once() -> None:
    """With 0.1 twice and 9.0 once, half of the second cluster is found; counted twice it would be 2/3."""
    matrix = np.array([[0.0], [0.1], [9.0]])
    found = bootstrap_jaccard(matrix, np.array([0, 1, 1]), k=2, n_init=1, draws=60, seed=2)
    seen = found[~np.isnan(found)]
    assert set(seen.round(9)) <= {1.0, 0.5}
    assert len(set(seen)) == 2


def test_a_seed_determines_the_result(of_one_blob: StabilityResult) -> None:
    settings, model = replace(SETTINGS, k=5, n_init=1), cut(ONE_BLOB, 5)
    again, other = measure(ONE_BLOB, model, settings), measure(ONE_BLOB, model, replace(settings, random_state=7))
    pd.testing.assert_frame_equal(again.stability, of_one_blob.stability, check_exact=True)
    pd.testing.assert_frame_equal(again.runs, of_one_blob.runs, check_exact=True)
    assert again.stability["jaccard"].tolist() != other.stability["jaccard"].tolist()


def test_several_processes_give_the_same_result() -> None:
    kept = cut(ONE_BLOB, 5)
    settings = replace(SETTINGS, k=5, n_init=1)
    map_in_processes(abs, [1, 2], processes=2)  # stability does not start them itself
    shared, alone = (
        measure(ONE_BLOB, kept, settings, start=kept.centroids, processes=processes) for processes in (2, 1)
    )
    pd.testing.assert_frame_equal(shared.stability, alone.stability, check_exact=True)
    pd.testing.assert_frame_equal(shared.runs, alone.runs, check_exact=True)


def test_a_draw_does_not_depend_on_the_number_of_draws() -> None:
    labels = cut(ONE_BLOB, 5).predict(ONE_BLOB)
    few, many = (bootstrap_jaccard(ONE_BLOB, labels, k=5, n_init=1, draws=draws, seed=3) for draws in (4, 8))
    np.testing.assert_array_equal(many[:4], few)
    assert len({tuple(row) for row in many}) == 8


# By k


def test_every_k_is_drawn_alike(of_one_blob: StabilityResult) -> None:
    """The study's k, too: more draws or other starts would make it look better or worse than its neighbors."""
    draws = math.ceil(SETTINGS.draws / stability.DRAWS_BY_K)
    assert 1 < draws < SETTINGS.draws
    assert list(values(of_one_blob, "worst_jaccard").index) == [2, 3, 4, 5]
    for k in (2, 3, 4, 5):
        labels = KMeans(k, n_init=2, random_state=42).fit(ONE_BLOB).labels_
        drawn = bootstrap_jaccard(ONE_BLOB, labels, k=k, n_init=2, draws=draws, seed=42)
        assert values(of_one_blob, "worst_jaccard")[k] == pytest.approx(drawn.mean(axis=0).min())
        assert values(of_one_blob, "smallest_cluster")[k] == np.bincount(labels).min()


@pytest.mark.parametrize(("draws", "at_other_k"), [(1, 1), (4, 1), (5, 2), (100, 25)])
def test_every_k_has_at_least_one_draw(draws: int, at_other_k: int, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int, int]] = []

    def nothing(matrix: Matrix, labels: np.ndarray, *, k: int, n_init: int, draws: int, seed: int) -> Matrix:
        asked.append((k, n_init, draws))
        return np.ones((draws, k))

    monkeypatch.setattr(stability, "bootstrap_jaccard", nothing)
    monkeypatch.setattr(stability, "DRAWS_BY_K", 4)
    measure(ONE_BLOB, cut(ONE_BLOB, 3), replace(SETTINGS, draws=draws))
    assert asked == [(3, 3, draws), (2, 2, at_other_k), (3, 2, at_other_k), (4, 2, at_other_k)]


@pytest.mark.parametrize(
    ("k", "k_range", "expected"),
    [(3, (2, 10), [2, 3, 4, 5, 6]), (7, (2, 10), [2, 3, 4, 5, 6, 7]), (5, (3, 4), [3, 4, 5]), (2, (8, 9), [2])],
)
def test_runs_cover_the_expected_k(
    k: int, k_range: tuple[int, int], expected: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stability, "SEEDS_OF_AGREEMENT", 1)
    settings = FitSettings(k=k, n_init=1, random_state=0, k_range=k_range, sweep_n_init=1, draws=1)
    trust = measure(ONE_BLOB, cut(ONE_BLOB, k), settings)
    assert values(trust, "worst_jaccard").index.tolist() == expected
    assert values(trust, "smallest_cluster").index.tolist() == expected


# Few rows


@pytest.mark.parametrize("matrix", [BLOBS[:2], np.ones((9, 2)), BLOBS[:0]], ids=["two", "all equal", "none"])
def test_fewer_distinct_rows_than_clusters_have_no_runs(matrix: Matrix) -> None:
    trust = measure(matrix, a_model(CENTERS), SETTINGS)
    found = STABILITY_SCHEMA.validate(trust.stability)
    assert found["jaccard"].isna().all()
    assert found["share_of_draws"].tolist() == [0.0] * 3
    assert found["profiles"].tolist() == [len(matrix), 0, 0]
    assert not values(trust, "adjusted_rand_index").tolist()
    assert not values(trust, "inertia").tolist()
    STABILITY_RUNS_SCHEMA.validate(trust.runs)


@pytest.mark.parametrize("absent", [0, 1, 2])
def test_a_cluster_without_a_measured_row_has_a_row_without_values(absent: int) -> None:
    """A bounded sample of a large snapshot can miss a handful of accounts."""
    there = np.arange(len(BLOBS)) // 40 != absent
    trust = measure(BLOBS[there], a_model(CENTERS), SETTINGS)
    found = STABILITY_SCHEMA.validate(trust.stability).set_index("cluster")
    assert list(found.index) == [0, 1, 2]
    row = found.loc[absent]
    assert (row["profiles"], row["share_of_draws"]) == (0, 0.0)
    assert row[["jaccard", "silhouette"]].isna().all()
    assert found.drop(index=absent)["jaccard"].notna().all()
    assert values(trust, "smallest_cluster")[3] > 0


def test_as_many_rows_as_clusters_have_runs_of_seeds_only() -> None:
    trust = measure(CENTERS, a_model(CENTERS), SETTINGS)
    assert values(trust, "adjusted_rand_index").tolist() == [1.0] * 20
    assert values(trust, "worst_jaccard").index.tolist() == [2]
    assert trust.stability["silhouette"].isna().all()


# The fingerprint


def a_fingerprint(**changes: Any) -> str:
    matrix, model = changes.pop("matrix", BLOBS), changes.pop("model", a_model(CENTERS))
    return fingerprint(matrix, model, replace(SETTINGS, **changes))


def nudged(matrix: Matrix, by: float) -> Matrix:
    changed = matrix.copy()
    changed[1, 0] += by
    return changed


@pytest.mark.parametrize(
    "changes",
    [
        {"matrix": nudged(BLOBS, 1e-5)},
        {"matrix": BLOBS[:-1]},
        {"matrix": BLOBS[::-1]},
        {"model": a_model(nudged(CENTERS, 1e-5))},
        {"model": a_model(CENTERS[::-1])},
        {"k": 4},
        {"n_init": 4},
        {"random_state": 1},
        {"k_range": (2, 5)},
        {"sweep_n_init": 3},
        {"draws": 21},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_the_fingerprint_changes_with_everything_that_the_result_depends_on(changes: dict[str, Any]) -> None:
    assert a_fingerprint(**changes) != a_fingerprint()


def test_the_fingerprint_changes_with_the_method(monkeypatch: pytest.MonkeyPatch) -> None:
    before = a_fingerprint()
    monkeypatch.setattr(stability, "METHOD", stability.METHOD + "x")
    assert a_fingerprint() != before


def test_the_fingerprint_of_a_stored_model_is_the_same(of_blobs: StabilityResult, engine: DuckDBWarehouse) -> None:
    """The warehouse stores the numbers of a model with twelve digits."""
    model = a_model(CENTERS + 1 / 3)
    kept = from_frame(stored(engine, MODELS_TABLE, records(to_frame(model))).collect("pandas").to_native())
    assert kept is not None
    assert (kept.centroids != model.centroids).any()
    assert a_fingerprint(model=kept) == a_fingerprint(model=model)
    assert a_fingerprint(matrix=BLOBS * (1 + 1e-15), model=a_model(CENTERS)) == a_fingerprint()
    assert set(of_blobs.stability["fingerprint"]) == {a_fingerprint()}


THREADS_OF_A_FIRST_MEASUREMENT = """
import numpy as np
from threadpoolctl import threadpool_info
from tiktok_pipeline.clusters import stability
from tiktok_pipeline.clusters.model import SegmentModel

def seen(matrix, *_, **__):
    import sklearn.cluster
    print(sorted((library["user_api"], library["num_threads"]) for library in threadpool_info()))
    raise SystemExit(0)

stability.bootstrap_jaccard = seen
one = np.zeros((1, 1))
model = SegmentModel(("a",), ("none",), np.zeros(1), np.zeros(1), np.ones(1), one)
settings = stability.FitSettings(k=1, n_init=1, random_state=0, k_range=(1, 1), sweep_n_init=1, draws=1)
stability.measure(np.zeros((4, 1)), model, settings)
"""


def test_a_measurement_in_a_new_process_has_one_thread() -> None:
    """A refresh that was killed goes on in a process that has not fitted anything, so nothing is loaded yet."""
    command = [sys.executable, "-c", THREADS_OF_A_FIRST_MEASUREMENT]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    threads = ast.literal_eval(ran.stdout)
    assert {count for _, count in threads} == {1}
    assert {api for api, _ in threads} == {"blas", "openmp"}
