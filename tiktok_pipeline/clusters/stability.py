"""Measures the stability of a clustering: how it changes with other seeds and with bootstrap draws of the profiles.

Bootstrap Jaccard: a draw with replacement is clustered again. Each cluster is compared with its best match, on the
distinct profiles of the draw. A draw is fitted as the model was: from the same start, or from k-means++ starts. For a
model with a start, the draws with k-means++ starts are measured, too, and told apart. Everything runs on a bounded
sample. The verdict is in `tiktok_pipeline.personas.verdict`.

References
----------
C. Hennig (2007), "Cluster-wise assessment of cluster stability", Computational Statistics & Data Analysis 52(1).
L. Hubert and P. Arabie (1985), "Comparing partitions", Journal of Classification 2 (the adjusted Rand index).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tiktok_pipeline.arrays import Matrix
from tiktok_pipeline.clusters.model import SegmentModel, distinct_rows
from tiktok_pipeline.clusters.schema import STABILITY_RUNS_TABLE, STABILITY_TABLE
from tiktok_pipeline.clusters.silhouettes import Labels, silhouettes
from tiktok_pipeline.processes import map_in_processes

MAX_STABILITY_ROWS = 5_000
DRAWS_BY_K = 8
"""Where k is compared with k, each gets one draw for so many of the study's, and the same starts."""
DISSOLVED, RECOVERED = 0.5, 0.75
"""A cluster is dissolved in a draw up to the one Jaccard coefficient, and recovered from the other (Hennig 2007)."""
SEEDS_OF_INERTIA = 10
SEEDS_OF_AGREEMENT = 20
SINGLE_STARTS = "single_start_rand_index"
LARGEST_K = 6
METHOD = "3"
"""Part of the fingerprint. Raise it when the measurement changes, so that no earlier result is reused."""


@dataclass(frozen=True)
class StabilityResult:
    """Rows of ``clusters.stability`` and of ``clusters.stability_runs``, without the slice columns."""

    stability: pd.DataFrame
    runs: pd.DataFrame


@dataclass(frozen=True, kw_only=True)
class FitSettings:
    """The settings of the fit, which every draw is fitted with, too; see `tiktok_pipeline.recipes.segmentation`."""

    k: int
    n_init: int
    random_state: int
    k_range: tuple[int, int]
    sweep_n_init: int
    draws: int


def fingerprint(matrix: Matrix, model: SegmentModel, settings: FitSettings, start: Matrix | None = None) -> str:
    """Hash everything that the measurement depends on: equal fingerprints mean equal results."""
    digest = hashlib.sha256(repr((METHOD, settings, matrix.shape, start is None)).encode())
    for part in (matrix, model.centroids, *([] if start is None else [start])):
        digest.update(np.char.mod("%.9g", part).astype("S").tobytes())
    return digest.hexdigest()[:16]


def measure(
    matrix: Matrix,
    model: SegmentModel,
    settings: FitSettings,
    *,
    start: Matrix | None = None,
    processes: int = 1,
) -> StabilityResult:
    """Measure the stability of each cluster of a model.

    Parameters
    ----------
    matrix : ndarray of shape (n_rows, n_features)
        Scaled rows of the fit in source order, at most some thousands.
    model : SegmentModel
        The fitted model.
    settings : FitSettings
        The settings that it was fitted with.
    start : ndarray of shape (k, n_features), optional
        The centroids in scaled units that the model was fitted from; none for k-means++ starts.
    processes : int, default 1
        Processes that share the fits, if they are running already.

    Returns
    -------
    StabilityResult
        The stability of each cluster, and the runs behind it.
    """
    labels = model.predict(matrix)
    drawn = partial(bootstrap_jaccard, matrix, labels, k=settings.k, draws=settings.draws, seed=settings.random_state)
    fits: list[Callable[[], Any]] = [partial(drawn, n_init=settings.n_init)]
    if start is not None:
        fits.append(partial(drawn, n_init=1, start=start))
    fits.append(partial(_seed_runs, matrix, labels, settings))
    fits += [partial(_runs_of_k, matrix, settings, k) for k in _candidates(matrix, settings)]
    cold, *others = map_in_processes(_with_one_thread, fits, processes=processes, starts=False)
    own = cold if start is None else others.pop(0)
    runs = [run for some in others for run in some]
    return StabilityResult(
        _by_cluster(matrix, labels, (own, cold), fingerprint(matrix, model, settings, start)),
        pd.DataFrame(runs, columns=STABILITY_RUNS_TABLE.frame_names).astype({"value": "float64"}),
    )


def bootstrap_jaccard(
    matrix: Matrix, labels: Labels, *, k: int, n_init: int, draws: int, seed: int, start: Matrix | None = None
) -> Matrix:
    """Compute the Jaccard coefficient of each cluster with its best match in each bootstrap draw.

    Parameters
    ----------
    matrix : ndarray of shape (n_rows, n_features)
        Scaled rows.
    labels : ndarray of shape (n_rows,)
        The clusters to compare with.
    k, n_init : int
        Number of clusters and starts of the fit of each draw.
    draws : int
        Number of draws, each of n_rows rows with replacement.
    seed : int
        Seed of the draws; draw number i is fitted with ``seed + i``.
    start : ndarray of shape (k, n_features), optional
        The centroids that each draw is fitted from, in place of k-means++ starts.

    Returns
    -------
    ndarray of shape (draws, n_clusters)
        Jaccard coefficients, 0 to 1; NaN if the draw has no row of the cluster. A draw with fewer distinct rows than
        ``k`` has no clustering: its row is all NaN.
    """
    from sklearn.cluster import KMeans  # noqa: PLC0415 - importing it costs seconds

    clusters = max(k, int(labels.max(initial=-1)) + 1)  # a bounded sample may have no row of a small cluster
    generator = np.random.default_rng(seed)
    overlaps = np.full((draws, clusters), np.nan)
    init = "k-means++" if start is None else start
    for draw in range(draws):
        rows = generator.integers(0, len(matrix), len(matrix))
        if distinct_rows(matrix[rows], enough=k) < k:
            continue
        fitted = KMeans(n_clusters=k, init=init, n_init=n_init, random_state=seed + draw).fit(matrix[rows])
        distinct, first = np.unique(rows, return_index=True)
        overlaps[draw] = jaccard(labels[distinct], fitted.labels_[first], clusters)
    return overlaps


def jaccard(kept: Labels, other: Labels, clusters: int) -> NDArray[np.float64]:
    """Return, for each cluster of ``kept``, its largest Jaccard coefficient with a cluster of ``other``.

    Parameters
    ----------
    kept, other : ndarray of shape (n_rows,)
        Two clusterings of the same rows.
    clusters : int
        Number of clusters of ``kept``.

    Returns
    -------
    ndarray of shape (clusters,)
        Jaccard coefficients, 0 to 1; NaN for a cluster without a row.

    Examples
    --------
    >>> jaccard(np.array([0, 0, 0, 1]), np.array([1, 1, 0, 0]), 3).round(3).tolist()
    [0.667, 0.5, nan]
    """
    table = np.zeros((clusters, int(other.max()) + 1))
    np.add.at(table, (kept, other), 1.0)
    union = table.sum(axis=1, keepdims=True) + table.sum(axis=0, keepdims=True) - table
    best = (table / np.where(union > 0, union, 1.0)).max(axis=1)
    return np.where(table.sum(axis=1) > 0, best, np.nan)


def _by_cluster(matrix: Matrix, labels: Labels, overlaps: tuple[Matrix, Matrix], digest: str) -> pd.DataFrame:
    """Return rows of ``clusters.stability`` from the coefficients of the fit as it was made and of cold starts."""
    own, cold = overlaps
    (samples,) = silhouettes(matrix, [labels])
    rows = []
    for cluster in range(own.shape[1]):
        inside = labels == cluster
        rows.append(
            {
                "cluster": cluster,
                **_summarize(own[:, cluster]),
                "jaccard_cold": _summarize(cold[:, cluster])["jaccard"],
                "silhouette": float(samples[inside].mean()) if samples is not None and inside.any() else None,
                "profiles": int(inside.sum()),
                "fingerprint": digest,
            }
        )
    frame = pd.DataFrame(rows, columns=STABILITY_TABLE.frame_names)
    numbers = ("jaccard", "standard_error", "share_dissolved", "share_recovered", "jaccard_cold", "silhouette")
    return frame.astype(dict.fromkeys(numbers, "float64"))


def _summarize(coefficients: NDArray[np.float64]) -> dict[str, float | None]:
    """Return mean, standard error and the shares of draws of a cluster; NaN is a draw without it."""
    known = coefficients[~np.isnan(coefficients)]
    there, several = len(known) > 0, len(known) > 1
    return {
        "jaccard": float(known.mean()) if there else None,
        "standard_error": float(known.std(ddof=1) / np.sqrt(len(known))) if several else None,
        "share_dissolved": float((known <= DISSOLVED).mean()) if there else None,
        "share_recovered": float((known >= RECOVERED).mean()) if there else None,
        "share_of_draws": len(known) / len(coefficients),
    }


def _with_one_thread(fit: Callable[[], Any]) -> Any:  # noqa: ANN401 - what the fit returns
    """Return what a fit returns; it runs with one thread of linear algebra."""
    import sklearn.cluster  # noqa: F401, PLC0415 - the limit holds only for libraries that are loaded by then
    from threadpoolctl import threadpool_limits  # noqa: PLC0415

    with threadpool_limits(1):
        return fit()


def _seed_runs(matrix: Matrix, labels: Labels, settings: FitSettings) -> list[tuple[str, int, int, float]]:
    """Return the inertia of 10 other seeds, and of 20 the adjusted Rand index with the kept labels.

    The index is that of the study's number of k-means++ starts, and that of a single one.
    """
    from sklearn.cluster import KMeans  # noqa: PLC0415
    from sklearn.metrics import adjusted_rand_score  # noqa: PLC0415

    runs: list[tuple[str, int, int, float]] = []
    if distinct_rows(matrix, enough=settings.k) < settings.k:
        return runs
    for seed in range(SEEDS_OF_AGREEMENT):
        fitted = KMeans(n_clusters=settings.k, n_init=settings.n_init, random_state=seed).fit(matrix)
        if seed < SEEDS_OF_INERTIA:
            runs.append(("inertia", settings.k, seed, float(fitted.inertia_)))
        runs.append(("adjusted_rand_index", settings.k, seed, float(adjusted_rand_score(labels, fitted.labels_))))
        if settings.n_init > 1:
            fitted = KMeans(n_clusters=settings.k, n_init=1, random_state=seed).fit(matrix)
        runs.append((SINGLE_STARTS, settings.k, seed, float(adjusted_rand_score(labels, fitted.labels_))))
    return runs


def _candidates(matrix: Matrix, settings: FitSettings) -> list[int]:
    """Return each k up to 6, and the study's, for which there are enough distinct rows."""
    lowest, highest = settings.k_range
    candidates = sorted({*range(lowest, min(highest, LARGEST_K) + 1), settings.k})
    distinct = distinct_rows(matrix, enough=max(candidates) + 1)
    return [k for k in candidates if k < distinct]


def _runs_of_k(matrix: Matrix, settings: FitSettings, k: int) -> list[tuple[str, int, int, float | None]]:
    """Return the worst bootstrap Jaccard and the smallest cluster of a k.

    Each k is fitted and drawn alike, the study's k too: only then can they be compared.
    """
    from sklearn.cluster import KMeans  # noqa: PLC0415

    seed, n_init, draws = settings.random_state, settings.sweep_n_init, -(-settings.draws // DRAWS_BY_K)
    labels = KMeans(n_clusters=k, n_init=n_init, random_state=seed).fit(matrix).labels_.astype(np.int64)
    coefficients = bootstrap_jaccard(matrix, labels, k=k, n_init=n_init, draws=draws, seed=seed)
    means = [column[~np.isnan(column)].mean() for column in coefficients.T if not np.isnan(column).all()]
    return [
        ("smallest_cluster", k, seed, float(np.bincount(labels).min())),
        ("worst_jaccard", k, seed, float(min(means)) if means else None),
    ]
