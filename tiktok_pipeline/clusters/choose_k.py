"""Scores each number of clusters k, and compares the scores with the k of the study.

References
----------
V. Satopaa and others (2011), "Finding a 'kneedle' in a haystack" (the elbow of inertia).
T. Calinski and J. Harabasz (1974), "A dendrite method for cluster analysis".
D. L. Davies and D. W. Bouldin (1979), "A cluster separation measure".
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import pandas as pd

from tiktok_pipeline.arrays import Matrix
from tiktok_pipeline.clusters.model import distinct_rows
from tiktok_pipeline.clusters.schema import K_SCORES_TABLE
from tiktok_pipeline.clusters.silhouettes import mean_silhouettes

SMALL_FIT_ROWS = 10_000
"""Fits of fewer rows spend most of their time in Python, so that threads make them slower."""


def score_k(
    matrix: Matrix,
    *,
    chosen: int,
    k_range: tuple[int, int],
    n_init: int,
    random_state: int,
    elbow_range: tuple[int, int] | None = None,
) -> pd.DataFrame:
    """Score every k in a range.

    Parameters
    ----------
    matrix : ndarray of shape (n_rows, n_features)
        Scaled rows in source order.
    chosen : int
        The k of the study.
    k_range : tuple of int
        First and last k, both inclusive.
    n_init, random_state : int
        Starts and seed of each fit.
    elbow_range : tuple of int, optional
        First and last k among which the elbow is looked for; by default ``k_range``.

    Returns
    -------
    DataFrame
        Rows of ``clusters.k_scores``. A k with too few distinct rows is missing.
    """
    from sklearn.cluster import KMeans  # noqa: PLC0415
    from sklearn.metrics import calinski_harabasz_score, davies_bouldin_score  # noqa: PLC0415
    from threadpoolctl import threadpool_limits  # noqa: PLC0415

    def fit(k: int) -> KMeans:
        return KMeans(n_clusters=k, n_init=n_init, random_state=random_state).fit(matrix)

    distinct = distinct_rows(matrix, enough=k_range[1] + 1)
    every_k = range(k_range[0], min(k_range[1], distinct - 1) + 1)
    workers = os.cpu_count() if len(matrix) >= SMALL_FIT_ROWS else 1
    # Each fit has one thread, so that it gives the same result on every machine.
    with threadpool_limits(1):
        with ThreadPoolExecutor(workers) as pool:
            fits = list(pool.map(fit, every_k))
        silhouettes = mean_silhouettes(matrix, [fitted.labels_ for fitted in fits], random_state=random_state)
        rows = [
            {
                "k": k,
                "inertia": float(fitted.inertia_),
                "silhouette": silhouette,
                "calinski_harabasz": float(calinski_harabasz_score(matrix, fitted.labels_)),
                "davies_bouldin": float(davies_bouldin_score(matrix, fitted.labels_)),
            }
            for k, fitted, silhouette in zip(every_k, fits, silhouettes, strict=True)
        ]
    scores = pd.DataFrame(rows, columns=["k", "inertia", "silhouette", "calinski_harabasz", "davies_bouldin"])
    elbow = find_elbow(scores, elbow_range or k_range)
    return _mark_choices(scores, chosen=chosen, elbow=elbow)[K_SCORES_TABLE.frame_names]


def find_elbow(scores: pd.DataFrame, k_range: tuple[int, int]) -> int | None:
    """Return the k at which the curve of inertia bends most; None if it has no bend.

    Parameters
    ----------
    scores : DataFrame
        Columns ``k`` and ``inertia``.
    k_range : tuple of int
        First and last k that count, both inclusive.
    """
    from kneed import KneeLocator  # noqa: PLC0415 - it brings scipy

    inside = scores[scores["k"].between(*k_range)]
    if len(inside) < 3 or inside["inertia"].min() == inside["inertia"].max():
        return None
    elbow = KneeLocator(list(inside["k"]), list(inside["inertia"]), curve="convex", direction="decreasing").elbow
    return None if elbow is None else int(elbow)


def _mark_choices(scores: pd.DataFrame, *, chosen: int, elbow: int | None) -> pd.DataFrame:
    known = scores.dropna(subset=["silhouette"])
    best = int(known["k"].iloc[known["silhouette"].argmax()]) if len(known) else None
    return scores.assign(
        is_elbow=scores["k"] == elbow,
        is_best_silhouette=scores["k"] == best,
        is_chosen=scores["k"] == chosen,
        reason=_reason(chosen, elbow, best),
    )


def _reason(chosen: int, elbow: int | None, best: int | None) -> str:
    others = {f"the elbow of inertia is at {elbow}": elbow, f"the silhouette is highest at {best}": best}
    known = [(text, k) for text, k in others.items() if k is not None]
    if not known:
        return f"The study takes k = {chosen}; too few values of k could be scored to compare."
    text = " and ".join(text for text, _ in known)
    agree = all(k == chosen for _, k in known)
    return f"The study takes k = {chosen}; {text}" + (
        "." if agree else ": they ask different questions of the same rows."
    )
