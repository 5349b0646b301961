"""How well each number of clusters does, and which one a study takes.

Elbow: kneedle (Satopaa and others 2011). Silhouette: Rousseeuw 1987. Calinski and Harabasz 1974. Davies and Bouldin 1979.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd

from tiktok_pipeline.clusters.model import Matrix, distinct_rows
from tiktok_pipeline.clusters.schema import K_SCORES_TABLE

MAX_SILHOUETTE_ROWS = 10_000
DISTANCES_MEGABYTES = 64
"""Of the distances between rows so much is held at a time; scikit-learn's own bound is a gigabyte for each thread."""


def silhouette(matrix: Matrix, labels: np.ndarray, *, random_state: int) -> float | None:
    """Mean silhouette, on at most 10,000 sampled rows; None where it is not defined.

    The sample is the one that scikit-learn would draw; where it misses all clusters but one (two clusters, one of them a
    single account) there is no silhouette, and scikit-learn would raise.
    """
    from sklearn import config_context  # noqa: PLC0415 - importing it costs seconds
    from sklearn.metrics import silhouette_score  # noqa: PLC0415
    from sklearn.utils import check_random_state  # noqa: PLC0415

    if len(matrix) > MAX_SILHOUETTE_ROWS:
        drawn = check_random_state(random_state).permutation(len(matrix))[:MAX_SILHOUETTE_ROWS]
        matrix, labels = matrix[drawn], labels[drawn]
    if not 1 < len(np.unique(labels)) < len(matrix):
        return None
    with config_context(working_memory=DISTANCES_MEGABYTES):
        return float(silhouette_score(matrix, labels))


def score_k(
    matrix: Matrix,
    *,
    chosen: int,
    k_range: tuple[int, int],
    n_init: int,
    random_state: int,
    elbow_range: tuple[int, int] | None = None,
) -> pd.DataFrame:
    """Rows of ``clusters.k_scores`` for scaled rows in source order; k without enough distinct rows is left out.

    ``k_range`` is inclusive; the elbow is looked for in ``elbow_range`` where a study has one of its own.
    """
    from sklearn.cluster import KMeans  # noqa: PLC0415
    from sklearn.metrics import calinski_harabasz_score, davies_bouldin_score  # noqa: PLC0415
    from threadpoolctl import threadpool_limits  # noqa: PLC0415

    def scored(k: int) -> dict[str, float | None]:
        fitted = KMeans(n_clusters=k, n_init=n_init, random_state=random_state).fit(matrix)
        return {
            "k": k,
            "inertia": float(fitted.inertia_),
            "silhouette": silhouette(matrix, fitted.labels_, random_state=random_state),
            "calinski_harabasz": float(calinski_harabasz_score(matrix, fitted.labels_)),
            "davies_bouldin": float(davies_bouldin_score(matrix, fitted.labels_)),
        }

    distinct = distinct_rows(matrix, enough=k_range[1] + 1)
    # Each fit has one thread, so that it is the same everywhere; the fits stand beside each other.
    with threadpool_limits(1), ThreadPoolExecutor(os.cpu_count()) as pool:
        rows = list(pool.map(scored, range(k_range[0], min(k_range[1], distinct - 1) + 1)))
    scores = pd.DataFrame(rows, columns=["k", "inertia", "silhouette", "calinski_harabasz", "davies_bouldin"])
    return _marked(scores, chosen=chosen, elbow=find_elbow(scores, elbow_range or k_range))[
        K_SCORES_TABLE.frame_names
    ]


def find_elbow(scores: pd.DataFrame, k_range: tuple[int, int]) -> int | None:
    """The k at which the curve of inertia bends most; None where it has no bend."""
    from kneed import KneeLocator  # noqa: PLC0415 - it brings scipy

    inside = scores[scores["k"].between(*k_range)]
    if len(inside) < 3 or inside["inertia"].min() == inside["inertia"].max():
        return None
    found = KneeLocator(list(inside["k"]), list(inside["inertia"]), curve="convex", direction="decreasing").elbow
    return None if found is None else int(found)


def _marked(scores: pd.DataFrame, *, chosen: int, elbow: int | None) -> pd.DataFrame:
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
