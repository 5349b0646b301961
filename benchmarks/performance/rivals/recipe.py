"""What the rivals have in common: the recipe's figures, and the part that scikit-learn does on a bounded matrix."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.metrics import calinski_harabasz_score, davies_bouldin_score, silhouette_score
from sklearn.preprocessing import StandardScaler

RATES = {
    "awg_engagement_rate": "avg_engagement_rate",
    "comment_engagement_rate": "comment_engagement_rate",
    "like_engagement_rate": "like_engagement_rate",
}
COUNTS = ("followers", "following", "likes", "videos_count")
FEATURES = (*RATES.values(), *COUNTS, "is_verified")
WIDTH = 1.5
K, SEED = 5, 42
FIT_ROWS, SCORE_ROWS, SILHOUETTE_ROWS = 2_000_000, 50_000, 10_000

Matrix = NDArray[np.float64]


def sweep(matrix: Matrix) -> list[tuple[int, float, float, float, float]]:
    """k, inertia, silhouette, Calinski-Harabasz, Davies-Bouldin for k from 2 to 10, on at most 50,000 rows."""
    rows = matrix
    if len(matrix) > SCORE_ROWS:
        rows = matrix[np.random.default_rng(SEED).choice(len(matrix), SCORE_ROWS, replace=False)]
    scaled = StandardScaler().fit_transform(rows)
    found = []
    for k in range(2, 11):
        fitted = KMeans(k, n_init=10, random_state=SEED).fit(scaled)
        size = min(SILHOUETTE_ROWS, len(scaled))
        found.append(
            (
                k,
                float(fitted.inertia_),
                float(silhouette_score(scaled, fitted.labels_, sample_size=size, random_state=SEED)),
                float(calinski_harabasz_score(scaled, fitted.labels_)),
                float(davies_bouldin_score(scaled, fitted.labels_)),
            )
        )
    return found


def fit(matrix: Matrix) -> tuple[StandardScaler, KMeans]:
    """The scaler and the model, on at most two million rows."""
    rows = matrix
    if len(matrix) > FIT_ROWS:
        rows = matrix[np.random.default_rng(SEED).choice(len(matrix), FIT_ROWS, replace=False)]
    scaler = StandardScaler().fit(rows)
    return scaler, KMeans(K, n_init=1, random_state=SEED).fit(scaler.transform(rows))
