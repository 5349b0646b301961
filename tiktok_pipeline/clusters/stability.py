"""How far a clustering can be trusted: what becomes of it under other seeds and other draws of the same profiles.

Bootstrap Jaccard per cluster: Hennig 2007, "Cluster-wise assessment of cluster stability" (a draw with replacement is
clustered anew; each cluster is compared, on the distinct profiles of the draw, with the one that fits it best). Adjusted
Rand index: Hubert and Arabie 1985. All of it runs on a bounded sample; the words of a verdict stand in stage personas.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tiktok_pipeline.arrays import Matrix
from tiktok_pipeline.clusters.model import SegmentModel, distinct_rows
from tiktok_pipeline.clusters.schema import STABILITY_RUNS_TABLE, STABILITY_TABLE
from tiktok_pipeline.clusters.silhouettes import Labels, silhouettes

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_STABILITY_ROWS = 5_000
DRAWS_AT_OTHER_K = 6
"""For the other k one draw in so many: a comparison, not a verdict."""
SEEDS_OF_INERTIA = 10
SEEDS_OF_AGREEMENT = 20
LARGEST_K = 6
METHOD = "2"
"""Part of the fingerprint: raise it when the way of measuring changes, so that nothing old is taken for it."""


@dataclass(frozen=True)
class StabilityResult:
    """Rows of ``clusters.stability`` and of ``clusters.stability_runs``, without the slice columns."""

    stability: pd.DataFrame
    runs: pd.DataFrame


@dataclass(frozen=True, kw_only=True)
class FitSettings:
    """How the model was fitted: the same settings are used for every draw."""

    k: int
    n_init: int
    random_state: int
    k_range: tuple[int, int]
    sweep_n_init: int
    draws: int


def nearest(matrix: Matrix, model: SegmentModel) -> Labels:
    """The number of the nearest centroid of each scaled row; the lowest number wins a tie, as in `assign`."""
    squares = ((matrix[:, None, :] - model.centroids[None, :, :]) ** 2).sum(axis=2)
    found: Labels = squares.argmin(axis=1).astype(np.int64)
    return found


def fingerprint(matrix: Matrix, model: SegmentModel, settings: FitSettings) -> str:
    """A hash of all that the measurement depends on: with the same one it would give the same figures."""
    digest = hashlib.sha256(repr((METHOD, settings, matrix.shape)).encode())
    for part in (matrix, model.centroids):
        digest.update(np.char.mod("%.9g", part).astype("S").tobytes())
    return digest.hexdigest()[:16]


def measure(matrix: Matrix, model: SegmentModel, settings: FitSettings) -> StabilityResult:
    """Measure the trust in each cluster of a model on scaled rows in source order (at most some thousands)."""
    from threadpoolctl import threadpool_limits  # noqa: PLC0415

    labels = nearest(matrix, model)
    with threadpool_limits(1):
        overlaps = bootstrap_jaccard(
            matrix, labels, k=settings.k, n_init=settings.n_init, draws=settings.draws, seed=settings.random_state
        )
        runs = [*_seed_runs(matrix, labels, settings), *_runs_by_k(matrix, settings, labels, overlaps)]
    return StabilityResult(
        _by_cluster(matrix, labels, overlaps, fingerprint(matrix, model, settings)),
        pd.DataFrame(runs, columns=STABILITY_RUNS_TABLE.frame_names).astype({"value": "float64"}),
    )


def bootstrap_jaccard(matrix: Matrix, labels: Labels, *, k: int, n_init: int, draws: int, seed: int) -> Matrix:
    """Jaccard of each cluster with its best match in each draw (draws x clusters); NaN where the draw misses it.

    A draw with fewer distinct rows than ``k`` has no clustering and counts as one that misses all clusters.
    """
    from sklearn.cluster import KMeans  # noqa: PLC0415 - importing it costs seconds

    clusters = max(k, int(labels.max(initial=-1)) + 1)  # a bounded sample may hold no row of a small cluster
    generator = np.random.default_rng(seed)
    found = np.full((draws, clusters), np.nan)
    for draw in range(draws):
        rows = generator.integers(0, len(matrix), len(matrix))
        if distinct_rows(matrix[rows], enough=k) < k:
            continue
        fitted = KMeans(n_clusters=k, n_init=n_init, random_state=seed + draw).fit(matrix[rows])
        distinct, first = np.unique(rows, return_index=True)
        found[draw] = jaccard(labels[distinct], fitted.labels_[first], clusters)
    return found


def jaccard(kept: Labels, other: Labels, clusters: int) -> NDArray[np.float64]:
    """For each of ``clusters`` in ``kept``: the largest Jaccard coefficient with a cluster of ``other``; NaN if absent.

    >>> jaccard(np.array([0, 0, 0, 1]), np.array([1, 1, 0, 0]), 3).round(3).tolist()
    [0.667, 0.5, nan]
    """
    table = np.zeros((clusters, int(other.max()) + 1))
    np.add.at(table, (kept, other), 1.0)
    together = table.sum(axis=1, keepdims=True) + table.sum(axis=0, keepdims=True) - table
    best = (table / np.where(together > 0, together, 1.0)).max(axis=1)
    return np.where(table.sum(axis=1) > 0, best, np.nan)


def _by_cluster(matrix: Matrix, labels: Labels, overlaps: Matrix, mark: str) -> pd.DataFrame:
    (samples,) = silhouettes(matrix, [labels])
    rows = []
    for cluster in range(overlaps.shape[1]):
        inside = labels == cluster
        seen = overlaps[~np.isnan(overlaps[:, cluster]), cluster]
        rows.append(
            (
                cluster,
                float(seen.mean()) if len(seen) else None,
                len(seen) / len(overlaps),
                float(samples[inside].mean()) if samples is not None and inside.any() else None,
                int(inside.sum()),
                mark,
            )
        )
    frame = pd.DataFrame(rows, columns=STABILITY_TABLE.frame_names)
    return frame.astype({"jaccard": "float64", "silhouette": "float64"})


def _seed_runs(matrix: Matrix, labels: Labels, settings: FitSettings) -> Iterator[tuple[str, int, int, float]]:
    """Inertia of 10 other seeds and the adjusted Rand index of 20 to the kept labels, all with the study's starts."""
    from sklearn.cluster import KMeans  # noqa: PLC0415
    from sklearn.metrics import adjusted_rand_score  # noqa: PLC0415

    if distinct_rows(matrix, enough=settings.k) < settings.k:
        return
    for seed in range(SEEDS_OF_AGREEMENT):
        fitted = KMeans(n_clusters=settings.k, n_init=settings.n_init, random_state=seed).fit(matrix)
        if seed < SEEDS_OF_INERTIA:
            yield "inertia", settings.k, seed, float(fitted.inertia_)
        yield "adjusted_rand_index", settings.k, seed, float(adjusted_rand_score(labels, fitted.labels_))


def _runs_by_k(
    matrix: Matrix, settings: FitSettings, labels: Labels, overlaps: Matrix
) -> Iterator[tuple[str, int, int, float | None]]:
    """The worst bootstrap Jaccard and the smallest cluster of each k from 2 to 6, and of the study's own.

    For the study's own k they are those of the kept fit (``labels``, ``overlaps``).
    """
    from sklearn.cluster import KMeans  # noqa: PLC0415

    lowest, highest = settings.k_range
    candidates = sorted({*range(lowest, min(highest, LARGEST_K) + 1), settings.k})
    distinct = distinct_rows(matrix, enough=max(candidates) + 1)
    seed, n_init = settings.random_state, settings.sweep_n_init
    for k in (k for k in candidates if k < distinct):
        if k == settings.k:
            sizes, drawn = np.bincount(labels, minlength=k), overlaps
        else:
            others = KMeans(n_clusters=k, n_init=n_init, random_state=seed).fit(matrix).labels_.astype(np.int64)
            sizes = np.bincount(others)
            drawn = bootstrap_jaccard(
                matrix, others, k=k, n_init=n_init, draws=-(-settings.draws // DRAWS_AT_OTHER_K), seed=seed
            )
        yield "smallest_cluster", k, seed, float(sizes.min())
        seen = [column[~np.isnan(column)].mean() for column in drawn.T if not np.isnan(column).all()]
        yield "worst_jaccard", k, seed, float(min(seen)) if seen else None
