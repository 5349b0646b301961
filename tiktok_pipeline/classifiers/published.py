"""The protocols ``published`` and ``mended``: each source's own steps, and the same with their errors corrected.

What is wrong with the published steps: the forest's target is a threshold on one of its inputs. The network tunes its
threshold on the test rows and leaves dropout on while it scores. ``mended`` corrects how the network is trained and
evaluated, not which inputs it sees; for that see `tiktok_pipeline.classifiers.cross_validation`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tiktok_pipeline.arrays import Matrix, Vector
from tiktok_pipeline.classifiers.cross_validation import permutation_losses
from tiktok_pipeline.classifiers.labels import Flags
from tiktok_pipeline.classifiers.metrics import curves, ranking_metrics, threshold_for_precision, threshold_metrics
from tiktok_pipeline.processes import map_in_processes
from tiktok_pipeline.recipes.classification import Protocol, PublishedForest, PublishedNetwork

SEEDS = tuple(range(10))
"""Seeds of the network: one training is one draw, so metrics are means over these seeds."""

PUBLISHED_SET = "published"

NETWORK_PROTOCOLS: tuple[Protocol, ...] = ("published", "mended")

Rows = NDArray[np.int64]


@dataclass
class EvaluationRows:
    """Rows of the tables ``metrics``, ``confusion``, ``importances`` and ``curves``, as tuples."""

    metrics: list[tuple[Any, ...]] = field(default_factory=list)
    confusion: list[tuple[Any, ...]] = field(default_factory=list)
    importances: list[tuple[Any, ...]] = field(default_factory=list)
    curves: list[tuple[Any, ...]] = field(default_factory=list)

    def add(self, other: EvaluationRows) -> None:
        """Append the rows of another evaluation."""
        self.metrics += other.metrics
        self.confusion += other.confusion
        self.importances += other.importances
        self.curves += other.curves


def confusion_rows(key: tuple[str, str, str], labels: Flags, predicted: Flags) -> list[tuple[Any, ...]]:
    """Return the four rows of ``classifiers.confusion`` for a key (model, protocol, feature set)."""
    return [
        (*key, actual, guess, int(((labels == actual) & (predicted == guess)).sum()))
        for actual in (False, True)
        for guess in (False, True)
    ]


def run_forest(features: pd.DataFrame, labels: Flags, recipe: PublishedForest) -> EvaluationRows:
    """Run the published random forest on its plain (not stratified) split, with threshold 0.5."""
    from sklearn.ensemble import RandomForestClassifier  # noqa: PLC0415 - importing it costs seconds
    from sklearn.model_selection import train_test_split  # noqa: PLC0415

    matrix = features[list(recipe.features)].to_numpy(dtype=np.float64, na_value=np.nan)
    rows = np.arange(len(labels))
    train, test = train_test_split(rows, test_size=recipe.test_share, random_state=recipe.random_state)
    model = RandomForestClassifier(n_estimators=recipe.trees, random_state=recipe.random_state)
    model.fit(matrix[train], labels[train])
    if len(model.classes_) < 2 or len(np.unique(labels[test])) < 2:
        return EvaluationRows()

    def score(scored_rows: Matrix) -> Vector:
        scores: Vector = model.predict_proba(scored_rows)[:, 1]
        return scores

    key = ("random_forest", "published", PUBLISHED_SET)
    # The forest predicts the more probable class, and negative on a tie.
    predicted = np.asarray(model.predict(matrix[test]), dtype=np.bool_)
    metrics = threshold_metrics(predicted.astype(np.float64), labels[test], 0.5) | ranking_metrics(
        score(matrix[test]), labels[test]
    )
    losses = permutation_losses(score, matrix[test], labels[test], threshold=0.5, random_state=recipe.random_state)
    spreads = np.std([tree.feature_importances_ for tree in model.estimators_], axis=0)
    tables = EvaluationRows(
        metrics=[(*key, name, value, None, None) for name, value in (metrics | {"threshold": 0.5}).items()]
    )
    tables.confusion = confusion_rows(key, labels[test], predicted)
    for position, name in enumerate(recipe.features):
        tables.importances.append(
            (*key, name, "impurity", float(model.feature_importances_[position]), float(spreads[position]))
        )
        shuffled = losses[position]
        tables.importances.append((*key, name, "permutation", float(np.mean(shuffled)), float(np.std(shuffled))))
    tables.curves = [(*key, *point) for point in curves(score(matrix[test]), labels[test])]
    return tables


def input_names(recipe: PublishedNetwork) -> list[str]:
    """Return the names of the published network's inputs, in order."""
    components = [f"principal_component_{place + 1}" for place in range(len(recipe.principal_components))]
    return [recipe.features[0], *components, *recipe.features[1:]]


@dataclass(frozen=True)
class _NetworkTask:
    """One training: inputs in 0..1, labels, the rows for training, validation and test, the recipe and the seed."""

    inputs: Matrix
    labels: Flags
    split: tuple[Rows, Rows, Rows]
    recipe: PublishedNetwork
    seed: int


@dataclass(frozen=True)
class _NetworkRun:
    """What one training gives under a protocol: scores of validation and test rows, and permutation losses."""

    validation_scores: Vector
    test_scores: Vector
    losses: dict[int, list[float]]


def run_network(
    features: pd.DataFrame, labels: Flags, recipe: PublishedNetwork, *, processes: int = 1
) -> EvaluationRows:
    """Run the published network under both protocols, once per seed of `SEEDS`.

    Metrics are means over the seeds, with their standard deviation. Both protocols judge the same trainings.
    ``processes`` networks are trained at the same time.

    Raises
    ------
    ModelMissingError
        If PyTorch is not installed.
    """
    from sklearn.model_selection import train_test_split  # noqa: PLC0415

    from tiktok_pipeline.classifiers.network import fit_min_max, published_inputs  # noqa: PLC0415

    inputs = published_inputs(features, recipe)
    rows, seed, share = np.arange(len(labels)), recipe.random_state, recipe.test_share
    remaining, test = train_test_split(rows, test_size=share, stratify=labels, random_state=seed)
    train, validation = train_test_split(remaining, test_size=share, stratify=labels[remaining], random_state=seed)
    scaled = fit_min_max(inputs[train])(inputs)
    tasks = [_NetworkTask(scaled, labels, (train, validation, test), recipe, seed) for seed in SEEDS]
    runs = map_in_processes(_run_seed, tasks, processes=processes)
    tables = EvaluationRows()
    for place, protocol in enumerate(NETWORK_PROTOCOLS):
        tables.add(_network_rows([run[place] for run in runs], labels[validation], labels[test], recipe, protocol))
    return tables


def _run_seed(task: _NetworkTask) -> list[_NetworkRun]:
    """Train the network once; return what each of `NETWORK_PROTOCOLS` makes of it."""
    from tiktok_pipeline.classifiers.network import train  # noqa: PLC0415

    inputs, labels, seed = task.inputs, task.labels, task.seed
    rows, validation, test = task.split
    networks = train(
        inputs[rows],
        labels[rows],
        inputs[validation],
        labels[validation],
        task.recipe.network,
        seed=seed,
        as_published=[protocol == "published" for protocol in NETWORK_PROTOCOLS],
    )
    found = []
    for network in networks:
        losses: dict[int, list[float]] = {}
        if seed == SEEDS[0]:
            losses = permutation_losses(network.score, inputs[test], labels[test], threshold=0.5, random_state=seed)
        found.append(_NetworkRun(network.score(inputs[validation]), network.score(inputs[test]), losses))
    return found


def _network_rows(
    runs: list[_NetworkRun], validation_labels: Flags, labels: Flags, recipe: PublishedNetwork, protocol: Protocol
) -> EvaluationRows:
    key = ("neural_network", protocol, PUBLISHED_SET)
    tables, metrics_by_seed = EvaluationRows(), []
    for run in runs:
        scores = run.test_scores
        # Published: the threshold is chosen on the test rows. Mended: on the validation rows.
        chosen_on = (scores, labels) if protocol == "published" else (run.validation_scores, validation_labels)
        threshold = threshold_for_precision(*chosen_on, recipe.precision_wanted)
        tuned = {f"{name}_tuned": value for name, value in threshold_metrics(scores, labels, threshold).items()}
        metrics_by_seed.append(
            threshold_metrics(scores, labels, 0.5)
            | ranking_metrics(scores, labels)
            | tuned
            | {"threshold": threshold}
        )
    first = runs[0]
    tables.confusion = confusion_rows(key, labels, first.test_scores >= 0.5)
    tables.curves = [(*key, *point) for point in curves(first.test_scores, labels)]
    tables.importances = [
        (*key, name, "permutation", float(np.mean(first.losses[position])), float(np.std(first.losses[position])))
        for position, name in enumerate(input_names(recipe))
    ]
    frame = pd.DataFrame(metrics_by_seed)
    tables.metrics = [
        (*key, name, float(frame[name].mean()), float(frame[name].std(ddof=0)), None) for name in frame.columns
    ]
    return tables
