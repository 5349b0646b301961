"""The protocols ``published`` and ``mended``: each source's own steps, and the same with its slips put right.

What is wrong with them is not hidden here: the forest's target is a threshold on one of its inputs; the network tunes its
threshold on the test rows (``published``) and leaves dropout on while it scores. ``mended`` puts right how the network is
trained and judged, not what it may look at: that is the matter of `tiktok_pipeline.classifiers.cross_validation`.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tiktok_pipeline.arrays import Matrix, Vector
from tiktok_pipeline.classifiers.cross_validation import permutation_losses
from tiktok_pipeline.classifiers.labels import Flags
from tiktok_pipeline.classifiers.metrics import curves, ranking_metrics, threshold_for_precision, threshold_metrics
from tiktok_pipeline.recipes.classification import Protocol, PublishedForest, PublishedNetwork

SEEDS = (0, 1, 2)
"""One training of a network is one draw; the figures are means over these."""
PUBLISHED_SET = "published"

Rows = NDArray[np.int64]


@dataclass
class EvaluationRows:
    """Rows of the tables ``metrics``, ``confusion``, ``importances`` and ``curves`` as tuples, to be put together."""

    metrics: list[tuple[Any, ...]] = field(default_factory=list)
    confusion: list[tuple[Any, ...]] = field(default_factory=list)
    importances: list[tuple[Any, ...]] = field(default_factory=list)
    curves: list[tuple[Any, ...]] = field(default_factory=list)

    def add(self, other: EvaluationRows) -> None:
        """Append the rows of another part."""
        self.metrics += other.metrics
        self.confusion += other.confusion
        self.importances += other.importances
        self.curves += other.curves


def confusion_rows(key: tuple[str, str, str], labels: Flags, predicted: Flags) -> list[tuple[Any, ...]]:
    """The four rows of ``classifiers.confusion`` for a (model, protocol, feature set)."""
    return [
        (*key, actual, said, int(((labels == actual) & (predicted == said)).sum()))
        for actual in (False, True)
        for said in (False, True)
    ]


def run_forest(features: pd.DataFrame, labels: Flags, recipe: PublishedForest) -> EvaluationRows:
    """The published random forest on its plain split, threshold 0.5."""
    from sklearn.ensemble import RandomForestClassifier  # noqa: PLC0415 - importing it costs seconds
    from sklearn.model_selection import train_test_split  # noqa: PLC0415

    matrix = features[list(recipe.features)].to_numpy(dtype=np.float64, na_value=np.nan)
    rows = np.arange(len(labels))
    train, test = train_test_split(rows, test_size=recipe.test_share, random_state=recipe.random_state)
    model = RandomForestClassifier(n_estimators=recipe.trees, random_state=recipe.random_state)
    model.fit(matrix[train], labels[train])
    if len(model.classes_) < 2 or len(np.unique(labels[test])) < 2:
        return EvaluationRows()

    def score(some: Matrix) -> Vector:
        found: Vector = model.predict_proba(some)[:, 1]
        return found

    key = ("random_forest", "published", PUBLISHED_SET)
    # The forest predicts the more probable kind, and "no" where both are equal.
    predicted = np.asarray(model.predict(matrix[test]), dtype=np.bool_)
    figures = threshold_metrics(predicted.astype(np.float64), labels[test], 0.5) | ranking_metrics(
        score(matrix[test]), labels[test]
    )
    losses = permutation_losses(score, matrix[test], labels[test], threshold=0.5, random_state=recipe.random_state)
    spreads = np.std([tree.feature_importances_ for tree in model.estimators_], axis=0)
    part = EvaluationRows(
        metrics=[(*key, name, value, None) for name, value in (figures | {"threshold": 0.5}).items()]
    )
    part.confusion = confusion_rows(key, labels[test], predicted)
    for place, name in enumerate(recipe.features):
        part.importances.append(
            (*key, name, "impurity", float(model.feature_importances_[place]), float(spreads[place]))
        )
        shuffled = losses[place]
        part.importances.append((*key, name, "permutation", float(np.mean(shuffled)), float(np.std(shuffled))))
    part.curves = [(*key, *point) for point in curves(score(matrix[test]), labels[test])]
    return part


def input_names(recipe: PublishedNetwork) -> list[str]:
    """The inputs of the published network by name, in order."""
    components = [f"principal_component_{place + 1}" for place in range(len(recipe.principal_components))]
    return [recipe.features[0], *components, *recipe.features[1:]]


def run_network(features: pd.DataFrame, labels: Flags, recipe: PublishedNetwork) -> EvaluationRows:
    """The published network under both protocols, each trained with `SEEDS`: means over them, spread as std.

    Raises `tiktok_pipeline.classifiers.models.ModelMissingError` where PyTorch is not installed.
    """
    from sklearn.model_selection import train_test_split  # noqa: PLC0415

    from tiktok_pipeline.classifiers.network import published_inputs  # noqa: PLC0415

    inputs = published_inputs(features, recipe)
    rows, seed, share = np.arange(len(labels)), recipe.random_state, recipe.test_share
    rest, test = train_test_split(rows, test_size=share, stratify=labels, random_state=seed)
    train, held = train_test_split(rest, test_size=share, stratify=labels[rest], random_state=seed)
    part = EvaluationRows()
    for protocol in ("published", "mended"):
        part.add(_network_runs(inputs, labels, (train, held, test), recipe, protocol))
    return part


def _network_runs(
    inputs: Matrix, labels: Flags, split: tuple[Rows, Rows, Rows], recipe: PublishedNetwork, protocol: Protocol
) -> EvaluationRows:
    from tiktok_pipeline.classifiers.network import Trained, fit_min_max, train  # noqa: PLC0415

    rows, held, test = split
    scaled = fit_min_max(inputs[rows])(inputs)
    key = ("neural_network", protocol, PUBLISHED_SET)
    as_published = protocol == "published"
    part, figures = EvaluationRows(), []

    def one(seed: int) -> Trained:
        return train(
            scaled[rows],
            labels[rows],
            scaled[held],
            labels[held],
            recipe.network,
            seed=seed,
            as_published=as_published,
        )

    with ThreadPoolExecutor(2) as pool:
        networks = list(pool.map(one, SEEDS))
    for seed, trained in zip(SEEDS, networks, strict=True):
        scores = trained.score(scaled[test])
        # Published: the threshold is looked up on the very rows that judge it. Mended: on the validation rows.
        chosen_on = (scores, labels[test]) if as_published else (trained.score(scaled[held]), labels[held])
        threshold = threshold_for_precision(*chosen_on, recipe.precision_wanted)
        tuned = {f"{name}_tuned": value for name, value in threshold_metrics(scores, labels[test], threshold).items()}
        figures.append(
            threshold_metrics(scores, labels[test], 0.5)
            | ranking_metrics(scores, labels[test])
            | tuned
            | {"threshold": threshold}
        )
        if seed == SEEDS[0]:
            part.confusion = confusion_rows(key, labels[test], scores >= 0.5)
            part.curves = [(*key, *point) for point in curves(scores, labels[test])]
            losses = permutation_losses(trained.score, scaled[test], labels[test], threshold=0.5, random_state=seed)
            part.importances = [
                (*key, name, "permutation", float(np.mean(losses[place])), float(np.std(losses[place])))
                for place, name in enumerate(input_names(recipe))
            ]
    frame = pd.DataFrame(figures)
    part.metrics = [(*key, name, float(frame[name].mean()), float(frame[name].std(ddof=0))) for name in frame.columns]
    return part
