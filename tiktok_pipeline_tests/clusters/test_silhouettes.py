"""Silhouettes of many clusterings at once against scikit-learn's of each."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from sklearn.metrics import silhouette_samples, silhouette_score

from tiktok_pipeline.clusters import silhouettes as room
from tiktok_pipeline.clusters.silhouettes import mean_silhouettes, silhouettes

RANDOM = np.random.default_rng(2)
BLOBS = np.concatenate([RANDOM.normal(center, 0.2, (30, 2)) for center in ((0, 0), (5, 0), (0, 5), (5, 5))])
LABELS = KMeans(4, n_init=4, random_state=42).fit(BLOBS).labels_


def test_silhouettes_by_hand() -> None:
    rows = np.array([[0.0], [1.0], [5.0]])
    # Row 0: a = 1, b = 5; row 1: a = 1, b = 4; row 2 is alone.
    (found,) = silhouettes(rows, [np.array([0, 0, 1])])
    assert found is not None
    assert found == pytest.approx([0.8, 0.75, 0.0])


@given(st.integers(0, 10_000))
def test_silhouettes_agree_with_scikit_learn(seed: int) -> None:
    generator = np.random.default_rng(seed)
    rows = generator.integers(0, 4, (12, 2)).astype(float)  # some rows are the same
    clusterings = [generator.integers(0, clusters, 12) * 3 for clusters in (2, 3, 7)]
    found = silhouettes(rows, clusterings)
    for labels, samples in zip(clusterings, found, strict=True):
        if 1 < len(np.unique(labels)) < 12:
            assert samples is not None
            assert samples == pytest.approx(silhouette_samples(rows, labels), abs=1e-9)
        else:
            assert samples is None


@pytest.mark.parametrize("labels", [[0, 0, 0, 0], [0, 1, 2, 3]])
def test_a_single_cluster_or_as_many_as_rows_have_no_silhouette(labels: list[int]) -> None:
    assert silhouettes(BLOBS[:4], [np.array(labels)]) == [None]
    assert mean_silhouettes(BLOBS[:4], [np.array(labels)], random_state=0) == [None]


def test_silhouettes_of_no_clusterings_are_empty() -> None:
    assert silhouettes(BLOBS, []) == []


def test_mean_silhouettes_use_the_sample_of_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MAX_SILHOUETTE_ROWS", 50)
    expected = silhouette_score(BLOBS, LABELS, sample_size=50, random_state=3)
    assert mean_silhouettes(BLOBS, [LABELS], random_state=3) == pytest.approx([expected], rel=1e-12)


def test_silhouettes_do_not_depend_on_the_size_of_a_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    (whole,) = silhouettes(BLOBS, [LABELS])
    monkeypatch.setattr(room, "DISTANCES_MEGABYTES", 0.01)
    (pieces,) = silhouettes(BLOBS, [LABELS])
    assert whole is not None
    assert pieces == pytest.approx(whole, rel=1e-12)


def test_a_sample_with_a_single_cluster_has_no_silhouette(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MAX_SILHOUETTE_ROWS", 10)
    tiny = np.eye(120, dtype=int)[0]
    assert [None] in [mean_silhouettes(BLOBS, [tiny], random_state=seed) for seed in range(20)]
