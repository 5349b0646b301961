"""All protocols of a classification side by side, over one bounded sample of labelled rows."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

import numpy as np
import pandas as pd

from tiktok_pipeline.arrays import Matrix
from tiktok_pipeline.classifiers import network
from tiktok_pipeline.classifiers.cross_validation import CrossValidationResult, cross_validate
from tiktok_pipeline.classifiers.labels import Flags, check_class_counts
from tiktok_pipeline.classifiers.metrics import curves
from tiktok_pipeline.classifiers.published import EvaluationRows, confusion_rows, run_forest, run_network
from tiktok_pipeline.classifiers.schema import (
    CARDS_TABLE,
    CONFUSION_TABLE,
    CURVES_TABLE,
    IMPORTANCES_TABLE,
    METRICS_TABLE,
    MODELS_TABLE,
    SCORES_TABLE,
)
from tiktok_pipeline.classifiers.scoring_model import ScoringModel, fit_scoring_model, out_of_fold_rows, to_frame
from tiktok_pipeline.recipes.classification import (
    Classification,
    FeatureSet,
    ModelName,
    Network,
    PublishedForest,
    PublishedNetwork,
)

FEWEST_OF_A_KIND = 10
MISSING_TORCH = "neural_network: PyTorch is not installed; install the extra `neural` to have it"


@dataclass(frozen=True)
class Evaluation:
    """Rows of the tables of stage ``classifiers`` (without the slice columns), and the model that scores creators."""

    metrics: pd.DataFrame
    confusion: pd.DataFrame
    importances: pd.DataFrame
    curves: pd.DataFrame
    models: pd.DataFrame
    cards: pd.DataFrame
    out_of_fold: pd.DataFrame
    model: ScoringModel | None


def run_protocols(rows: pd.DataFrame, labels: Flags, classification: Classification) -> Evaluation:
    """Judge every model of a classification under every protocol.

    ``rows`` has ``account_id`` and every feature of the classification, in source order. Raises
    `tiktok_pipeline.classifiers.labels.NotEnoughRowsError` where one kind is too rare to be judged.
    """
    check_class_counts(labels, at_least=max(FEWEST_OF_A_KIND, classification.folds))
    part, missing = _published(rows, labels, classification)
    part.importances += _mutual_information(rows, labels, classification)
    scoring: CrossValidationResult | None = None
    for one in classification.sets:
        matrix = _matrix(rows, one)
        for name in one.models:
            if name == "neural_network" and not network.is_installed():
                missing.append(MISSING_TORCH)
                continue
            is_scoring = (one.name, name) == classification.scored_by
            judged = _judge(name, matrix, labels, classification, importances=is_scoring)
            part.add(_rows_of(judged, labels, one, name))
            scoring = judged if is_scoring else scoring
    model = fit_scoring_model(
        _matrix(rows, classification.scoring_set),
        labels,
        feature_set=classification.scoring_set.name,
        features=classification.scoring_set.features,
        random_state=classification.random_state,
    )
    empty = pd.DataFrame(columns=SCORES_TABLE.frame_names)
    held_out = out_of_fold_rows(rows["account_id"], scoring.scores, scoring.predicted) if scoring else empty
    cards = _card(rows, labels, classification, model, scoring) | _missing(missing)
    return Evaluation(*_frames(part), to_frame(model), card_rows(cards), held_out, model)


def empty_evaluation(why: str) -> Evaluation:
    """The tables of a classification that could not be done, with the reason on its card."""
    empty = pd.DataFrame(columns=SCORES_TABLE.frame_names)
    models = pd.DataFrame(columns=MODELS_TABLE.frame_names)
    return Evaluation(*_frames(EvaluationRows()), models, card_rows({"why_empty": why}), empty, None)


def card_rows(items: dict[str, str]) -> pd.DataFrame:
    """Facts as rows of ``classifiers.cards``."""
    return pd.DataFrame(list(items.items()), columns=CARDS_TABLE.frame_names)


def _published(rows: pd.DataFrame, labels: Flags, classification: Classification) -> tuple[EvaluationRows, list[str]]:
    recipe = classification.published
    if isinstance(recipe, PublishedForest):
        return run_forest(rows, labels, recipe), []
    if not network.is_installed():
        return EvaluationRows(), [MISSING_TORCH]
    return run_network(rows, labels, recipe), []


def _judge(
    name: ModelName, matrix: Matrix, labels: Flags, classification: Classification, *, importances: bool
) -> CrossValidationResult:
    recipe = classification.published
    is_network = name == "neural_network"
    return cross_validate(
        name,
        matrix,
        labels,
        folds=classification.folds,
        repeats=classification.network_repeats if is_network else classification.repeats,
        random_state=classification.random_state,
        network=recipe.network if isinstance(recipe, PublishedNetwork) else Network(),
        importances=importances,
    )


def _rows_of(judged: CrossValidationResult, labels: Flags, one: FeatureSet, name: ModelName) -> EvaluationRows:
    key = (name, "honest", one.name)
    part = EvaluationRows(metrics=[(*key, metric, mean, std) for metric, (mean, std) in judged.metrics.items()])
    part.confusion = confusion_rows(key, labels, judged.predicted)
    if name != "dummy":
        part.curves = [(*key, *point) for point in curves(judged.scores, labels)]
    part.importances = [
        (*key, one.features[place], "permutation", float(np.mean(losses)), float(np.std(losses)))
        for place, losses in judged.permutation.items()
    ]
    return part


def _mutual_information(
    rows: pd.DataFrame, labels: Flags, classification: Classification
) -> list[tuple[object, ...]]:
    """Mutual information of each feature with the label, in nats (Kraskov and others 2004)."""
    from sklearn.feature_selection import mutual_info_classif  # noqa: PLC0415 - importing it costs seconds

    names = [name for name in classification.every_feature if name != classification.label.feature]
    matrix = network.impute_median(_plain(rows, names), _plain(rows, names))
    flags = [bool(np.isin(matrix[:, place], (0.0, 1.0)).all()) for place in range(len(names))]
    found = mutual_info_classif(matrix, labels, discrete_features=flags, random_state=classification.random_state)
    return [
        ("", "published", "all", name, "mutual_information", float(value), None)
        for name, value in zip(names, found, strict=True)
    ]


def _matrix(rows: pd.DataFrame, one: FeatureSet) -> Matrix:
    return _plain(rows, list(one.features))


def _plain(rows: pd.DataFrame, names: list[str]) -> Matrix:
    matrix: Matrix = rows[names].to_numpy(dtype=np.float64, na_value=np.nan)
    return matrix


def _frames(part: EvaluationRows) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    metrics = pd.DataFrame(part.metrics, columns=METRICS_TABLE.frame_names)
    confusion = pd.DataFrame(part.confusion, columns=CONFUSION_TABLE.frame_names)
    importances = pd.DataFrame(part.importances, columns=IMPORTANCES_TABLE.frame_names)
    points = pd.DataFrame(part.curves, columns=CURVES_TABLE.frame_names)
    return (
        metrics.astype({"value": "float64", "std": "float64"}),
        confusion,
        importances.astype({"importance": "float64", "std": "float64"}),
        points.astype({"threshold": "float64"}),
    )


def _card(
    rows: pd.DataFrame,
    labels: Flags,
    classification: Classification,
    model: ScoringModel,
    scoring: CrossValidationResult | None,
) -> dict[str, str]:
    used = rows[["account_id", *classification.scoring_set.features]]
    digest = hashlib.sha256(used.to_csv(index=False, float_format="%.9g").encode()).hexdigest()
    facts = {
        "label": classification.label.name,
        "what_it_means": classification.what_it_means,
        "profiles": str(len(labels)),
        "positives": str(int(labels.sum())),
        "scoring_model": f"logistic regression on logged values of {', '.join(model.features)}",
        "feature_set": f"{model.feature_set}: {classification.scoring_set.why}",
        "threshold": f"{model.threshold:.4f} of the calibrated score (highest F1 on parts the model did not see)",
        "random_state": str(classification.random_state),
        "data_sha256": digest,
    }
    for metric in ("average_precision", "roc_auc", "f1_tuned", "brier_calibrated"):
        if scoring:
            mean, std = scoring.metrics[metric]
            facts[metric] = f"{mean:.3f} ± {std:.3f} over {classification.folds} x {classification.repeats} folds"
    for package in ("scikit-learn", "numpy", "torch"):
        facts[f"version_of_{package.replace('-', '_')}"] = _version(package)
    return facts


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _missing(missing: list[str]) -> dict[str, str]:
    return {"missing": "; ".join(dict.fromkeys(missing))} if missing else {}
