"""Invented labeled rows, and a model that remembers which rows it saw."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin

from tiktok_pipeline.arrays import Matrix, Vector
from tiktok_pipeline.classifiers.labels import Flags
from tiktok_pipeline.classifiers.models import Fitted
from tiktok_pipeline.recipes.classification import (
    Classification,
    FeatureSet,
    Label,
    Network,
    PublishedForest,
    PublishedNetwork,
)

SMALL = Network(layers=1, units=16, epochs_a_look=2, patience_looks=3, most_epochs=30, learning_rate=0.02)
"""A network that is trained in a blink."""

FOREST = PublishedForest(features=("followers", "likes", "videos_count", "avg_engagement_rate"), trees=20)
NETWORK = PublishedNetwork(
    features=("is_verified", "videos_count", "comment_engagement_rate"),
    principal_components=("likes", "followers"),
    network=SMALL,
)
HONEST = FeatureSet(
    name="leakage_free",
    features=("likes", "videos_count", "avg_engagement_rate"),
    models=("logistic_regression", "gradient_boosting", "neural_network", "dummy"),
    why="without followers",
)
NAIVE = FeatureSet(
    name="with_followers",
    features=("followers", "likes"),
    models=("random_forest",),
    why="with followers",
    leaks=True,
)


def classification(**changes: Any) -> Classification:
    """Who has the most followers: two sets, few folds, a small network; fields may be changed."""
    fields: dict[str, Any] = {
        "label": Label(name="top fifth", feature="followers", top_share=0.2),
        "published": FOREST,
        "sets": (NAIVE, HONEST),
        "scored_by": ("leakage_free", "logistic_regression"),
        "audited": ("following",),
        "what_it_means": "Invented.",
        "folds": 2,
        "repeats": 2,
        "network_repeats": 1,
    }
    return Classification(**(fields | changes))


def creators(count: int = 200, *, random_state: int = 3) -> tuple[pd.DataFrame, Flags]:
    """Heavy-tailed counts, rates, and a label that likes and videos tell with some noise."""
    random = np.random.default_rng(random_state)
    followers = np.exp(random.normal(7.0, 1.5, count)).round()
    likes = (followers * random.uniform(2.0, 40.0, count)).round()
    videos = random.integers(1, 900, count).astype(np.float64)
    comment, like = random.gamma(2.0, 0.004, count), random.gamma(2.0, 0.02, count)
    rows = pd.DataFrame(
        {
            "account_id": [f"creator_{number:05d}" for number in range(count)],
            "followers": followers,
            "following": random.integers(0, 3_000, count).astype(np.float64),
            "likes": likes,
            "videos_count": videos,
            "avg_engagement_rate": comment + like,
            "comment_engagement_rate": comment,
            "like_engagement_rate": like,
            "is_verified": (random.random(count) < 0.1).astype(np.float64),
        }
    )
    odds = 1.2 * (np.log1p(likes) - np.log1p(likes).mean()) - 0.8 * (np.log1p(videos) - np.log1p(videos).mean())
    labels: Flags = random.random(count) < 1.0 / (1.0 + np.exp(-odds))
    return rows, labels


def row_numbers(count: int, share: float, *, random_state: int = 0) -> tuple[Matrix, Flags]:
    """The row's own number as the only feature, and labels that have nothing to do with it."""
    labels = np.zeros(count, dtype=np.bool_)
    labels[: round(count * share)] = True
    return np.arange(count, dtype=np.float64)[:, None], np.random.default_rng(random_state).permutation(labels)


class Memory(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A model that returns the label of a row that it was fitted on, and 0.5 for any other row."""

    def fit(self, matrix: Matrix, labels: Flags) -> Memory:
        self.classes_ = np.array([False, True])
        self.labels_ = {float(row[0]): bool(label) for row, label in zip(matrix, labels, strict=True)}
        return self

    def predict(self, matrix: Matrix) -> Flags:
        return self.predict_proba(matrix)[:, 1] > 0.5

    def predict_proba(self, matrix: Matrix) -> Matrix:
        scores = np.array([float(self.labels_.get(float(row[0]), 0.5)) for row in matrix])
        return np.column_stack([1.0 - scores, scores])

    def fitted(self, matrix: Matrix, labels: Flags) -> Fitted:
        """Return a model as `tiktok_pipeline.classifiers.models.fit` does."""
        self.fit(matrix, labels)

        def score(rows: Matrix) -> Vector:
            return self.predict_proba(rows)[:, 1]

        return Fitted(score, np.full(len(labels), 0.5), labels)
