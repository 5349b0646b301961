"""A model goes on from an earlier one: its centroids, which fit is kept, and which cluster is the earlier one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiktok_pipeline.clusters.continuity import (
    LARGEST_INERTIA_RATIO,
    MOST_STEPS,
    can_continue,
    follow,
    is_kept,
    match_clusters,
    overlaps,
    renumber,
    rescaled_centroids,
    typical_centroids,
)
from tiktok_pipeline.clusters.model import FitResult, SegmentModel


def model(
    centers: list[float], scales: list[float], centroids: list[list[float]], transform: str = "identity"
) -> SegmentModel:
    names = tuple(f"feature_{place}" for place in range(len(centers)))
    return SegmentModel(
        features=names,
        transforms=(transform,) * len(names),
        fills=(None,) * len(names),
        centers=np.array(centers),
        scales=np.array(scales),
        centroids=np.array(centroids, dtype=np.float64).reshape(-1, len(names)),
    )


def fit(labels: list[int], k: int, inertia: float = 1.0) -> FitResult:
    return FitResult(model([0.0], [1.0], [[float(number)] for number in range(k)]), inertia, np.array(labels), 1)


def test_centroids_are_the_same_points_in_the_new_units() -> None:
    earlier = model([10.0, 0.0], [2.0, 1.0], [[1.0, 3.0], [-1.0, 0.0]])  # the points (12, 3) and (8, 0)
    now = model([8.0, 3.0], [4.0, 0.5], [])
    assert rescaled_centroids(earlier, now).tolist() == [[1.0, 0.0], [0.0, -6.0]]


def test_typical_values_become_centroids_after_the_transform() -> None:
    log = model([0.0], [2.0], [], transform="log1p")
    centroids = typical_centroids([{"feature_0": np.expm1(4.0)}, {"feature_0": 0.0}], log)
    assert centroids is not None
    assert centroids.tolist() == pytest.approx(np.array([[2.0], [0.0]]))
    assert typical_centroids([{"another": 1.0}], log) is None


@pytest.mark.parametrize(("warm", "kept"), [(99.0, True), (100.0, True), (101.0, True), (101.1, False)])
def test_a_fit_is_kept_up_to_one_percent_above_the_best(warm: float, kept: bool) -> None:
    assert is_kept(fit([0], 1, inertia=warm), fit([0], 1, inertia=100.0)) is kept


# The best centroids of these points are 1 and 12, with an inertia of 1 + 1 + 4 + 4 = 10.
POINTS = np.array([[0.0], [2.0], [10.0], [14.0]])


@pytest.mark.parametrize(
    ("start", "best", "centroids", "iterations"),
    [
        ([[1.0], [12.0]], 10.0, [[1.0], [12.0]], 0),
        ([[1.2], [12.0]], 10.0, [[1.2], [12.0]], 0),  # an inertia of 10.08, within 1 %
        ([[1.5], [12.0]], 10.0, [[1.0], [12.0]], 1),  # an inertia of 10.5
    ],
    ids=["the best already", "nearly as good", "one step"],
)
def test_centroids_go_no_farther_than_they_have_to(
    start: list[list[float]], best: float, centroids: list[list[float]], iterations: int
) -> None:
    followed = follow(POINTS, model([0.0], [1.0], start), cold=fit([0, 0, 1, 1], 2, inertia=best))
    assert followed is not None
    assert followed.model.centroids.tolist() == centroids
    assert (followed.iterations, followed.labels.tolist()) == (iterations, [0, 0, 1, 1])
    assert followed.inertia <= LARGEST_INERTIA_RATIO * best


def test_a_start_that_stays_worse_or_loses_a_cluster_is_not_followed() -> None:
    assert MOST_STEPS > 3
    cold = fit([0, 0, 1, 1], 2, inertia=9.0)  # better than any of the steps
    assert follow(POINTS, model([0.0], [1.0], [[1.0], [12.0]]), cold=cold) is None
    assert follow(POINTS, model([0.0], [1.0], [[1.0], [99.0]]), cold=fit([0, 0, 1, 1], 2, inertia=10.0)) is None


def test_models_of_other_features_transforms_or_k_do_not_go_on() -> None:
    one = model([0.0], [1.0], [[0.0], [1.0]])
    assert can_continue(one, one)
    assert can_continue(model([0.0], [1.0], []), one)
    assert not can_continue(one, model([0.0, 0.0], [1.0, 1.0], [[0.0, 0.0], [1.0, 1.0]]))
    assert not can_continue(one, model([0.0], [1.0], [[0.0], [1.0]], transform="log1p"))
    assert not can_continue(one, model([0.0], [1.0], [[0.0], [1.0], [2.0]]))


def test_a_cluster_that_shares_too_few_creators_is_a_new_one() -> None:
    labels = np.array([0, 0, 0, 0, 1, 1, 1, 2, 2])
    before = np.array([1, 1, 1, 2, 0, 0, 2, 2, 2])
    # 0 and 1 share three of four, 1 and 0 two of three, 2 and 2 two of four
    assert match_clusters(labels, before, k=3) == {0: 1, 1: 0, 2: 2}
    assert match_clusters(np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]), k=2) == {}
    assert overlaps(labels, before, k=3) == {0: 0.0, 1: 0.0, 2: 0.5}


@given(st.permutations(range(4)), st.lists(st.integers(0, 3), min_size=4, max_size=40))
def test_a_renumbered_fit_has_the_numbers_of_the_earlier_one(order: list[int], before: list[int]) -> None:
    labels = np.array([order[cluster] for cluster in before])
    matches = match_clusters(labels, np.array(before), k=4)
    result = renumber(fit(labels.tolist(), 4), matches)
    assert result.labels.tolist() == before
    # the centroid of a row is the same as before
    assert result.model.centroids[result.labels].tolist() == [[float(number)] for number in labels]
