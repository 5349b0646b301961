"""Evaluate a classification under all protocols, on one bounded sample of labeled rows."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version

import numpy as np
import pandas as pd

from tiktok_pipeline.arrays import Matrix
from tiktok_pipeline.classifiers import network
from tiktok_pipeline.classifiers.card_items import MISSING, WHY_EMPTY, WHY_NO_SCORES
from tiktok_pipeline.classifiers.cross_validation import CrossValidationResult, cross_validate
from tiktok_pipeline.classifiers.labels import Flags, check_class_counts
from tiktok_pipeline.classifiers.metrics import curves
from tiktok_pipeline.classifiers.published import EvaluationRows, confusion_rows, run_forest, run_network
from tiktok_pipeline.classifiers.schema import (
    CARDS_TABLE,
    CONFUSION_TABLE,
    CURVES_TABLE,
    FEATURE_SETS_TABLE,
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

MIN_ROWS_PER_CLASS = 10
MIN_SCORED_PER_CLASS = 30
"""Fewest rows of the rarer class for which creators get scores: fewer do not calibrate a probability."""

MISSING_TORCH = "neural_network: PyTorch is not installed; install the extra `neural` to have it"


@dataclass(frozen=True)
class Evaluation:
    """Rows of the tables of stage ``classifiers``, without the slice columns, and the model that scores creators."""

    metrics: pd.DataFrame
    confusion: pd.DataFrame
    importances: pd.DataFrame
    curves: pd.DataFrame
    models: pd.DataFrame
    cards: pd.DataFrame
    out_of_fold: pd.DataFrame
    model: ScoringModel | None
    feature_sets: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=FEATURE_SETS_TABLE.frame_names))


def run_protocols(
    rows: pd.DataFrame, labels: Flags, classification: Classification, *, processes: int = 1
) -> Evaluation:
    """Evaluate every model of a classification under every protocol.

    Parameters
    ----------
    rows : DataFrame
        ``account_id`` and every feature of the classification, in source order.
    labels : ndarray of bool of shape (n_rows,)
        Whether a row is positive.
    classification : Classification
        The study's settings.
    processes : int, default 1
        Models fitted at the same time.

    Raises
    ------
    NotEnoughRowsError
        If one class has too few rows to be evaluated.
    """
    check_class_counts(labels, at_least=max(MIN_ROWS_PER_CLASS, classification.folds))
    tables, missing = _published(rows, labels, classification, processes=processes)
    tables.importances += _mutual_information(rows, labels, classification)
    scoring: CrossValidationResult | None = None
    for feature_set in classification.sets:
        matrix = _to_matrix(rows, feature_set.features)
        for name in feature_set.models:
            if name == "neural_network" and not network.is_installed():
                missing.append(MISSING_TORCH)
                continue
            is_scoring = (feature_set.name, name) == classification.scored_by
            result = _cross_validate(
                name, matrix, labels, classification, importances=is_scoring, processes=processes
            )
            tables.add(_rows_of(result, labels, feature_set, name))
            scoring = result if is_scoring else scoring
    model, held_out, facts = _scoring(rows, labels, classification, scoring)
    models = to_frame(model) if model else pd.DataFrame(columns=MODELS_TABLE.frame_names)
    return Evaluation(*_frames(tables), models, card_rows(facts | _missing(missing)), held_out, model)


def why_no_scores(labels: Flags) -> str:
    """Return why creators get no scores, or an empty text; see `MIN_SCORED_PER_CLASS`.

    Examples
    --------
    >>> why_no_scores(np.arange(100) < 29)
    'no scores: 29 of 100 labeled profiles are of the rarer class, at least 30 needed'
    >>> why_no_scores(np.arange(100) < 30)
    ''
    """
    rarer = int(min(labels.sum(), (~labels).sum()))
    if rarer >= MIN_SCORED_PER_CLASS:
        return ""
    few = f"no scores: {rarer} of {len(labels)} labeled profiles are of the rarer class"
    return f"{few}, at least {MIN_SCORED_PER_CLASS} needed"


def _scoring(
    rows: pd.DataFrame, labels: Flags, classification: Classification, scoring: CrossValidationResult | None
) -> tuple[ScoringModel | None, pd.DataFrame, dict[str, str]]:
    """Return the model that scores creators, the scores of the labeled rows, and the card; no model if it cannot."""
    empty = pd.DataFrame(columns=SCORES_TABLE.frame_names)
    if reason := why_no_scores(labels):
        return None, empty, {WHY_NO_SCORES: reason}
    scored = classification.scoring_set
    model = fit_scoring_model(
        _to_matrix(rows, scored.features),
        labels,
        feature_set=scored.name,
        features=scored.features,
        random_state=classification.random_state,
    )
    facts = _card(rows, labels, classification, model, scoring)
    if scoring is None:
        return model, empty, facts
    # The threshold of the card, not those of the folds: one score, one prediction.
    return model, out_of_fold_rows(rows["account_id"], scoring.scores, scoring.scores >= model.threshold), facts


def empty_evaluation(reason: str) -> Evaluation:
    """Return empty tables for a classification that could not be computed, with the reason on its card."""
    empty = pd.DataFrame(columns=SCORES_TABLE.frame_names)
    models = pd.DataFrame(columns=MODELS_TABLE.frame_names)
    return Evaluation(*_frames(EvaluationRows()), models, card_rows({WHY_EMPTY: reason}), empty, None)


def card_rows(items: dict[str, str]) -> pd.DataFrame:
    """Return facts as rows of ``classifiers.cards``."""
    return pd.DataFrame(list(items.items()), columns=CARDS_TABLE.frame_names)


def _published(
    rows: pd.DataFrame, labels: Flags, classification: Classification, *, processes: int
) -> tuple[EvaluationRows, list[str]]:
    recipe = classification.published
    if isinstance(recipe, PublishedForest):
        return run_forest(rows, labels, recipe), []
    if not network.is_installed():
        return EvaluationRows(), [MISSING_TORCH]
    return run_network(rows, labels, recipe, processes=processes), []


def _cross_validate(
    name: ModelName,
    matrix: Matrix,
    labels: Flags,
    classification: Classification,
    *,
    importances: bool,
    processes: int,
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
        processes=processes,
    )


def _rows_of(
    result: CrossValidationResult, labels: Flags, feature_set: FeatureSet, name: ModelName
) -> EvaluationRows:
    key = (name, "honest", feature_set.name)
    tables = EvaluationRows(
        metrics=[
            (*key, metric, mean, std, result.std_of_repeats[metric]) for metric, (mean, std) in result.metrics.items()
        ]
    )
    tables.confusion = confusion_rows(key, labels, result.predicted)
    if name != "dummy":
        tables.curves = [(*key, *point) for point in curves(result.scores, labels)]
    tables.importances = [
        (*key, feature_set.features[position], "permutation", float(np.mean(losses)), float(np.std(losses)))
        for position, losses in result.permutation.items()
    ]
    return tables


def _mutual_information(
    rows: pd.DataFrame, labels: Flags, classification: Classification
) -> list[tuple[object, ...]]:
    """Return the mutual information of each feature with the label, in nats.

    References
    ----------
    Kraskov, Stoegbauer and Grassberger 2004, Estimating mutual information.
    """
    from sklearn.feature_selection import mutual_info_classif  # noqa: PLC0415 - importing it costs seconds

    names = [name for name in classification.every_feature if name != classification.label.feature]
    matrix = network.impute_median(_to_matrix(rows, names), _to_matrix(rows, names))
    is_binary = [bool(np.isin(column, (0.0, 1.0)).all()) for column in matrix.T]
    information = mutual_info_classif(
        matrix, labels, discrete_features=is_binary, random_state=classification.random_state
    )
    return [
        ("", "published", "all", name, "mutual_information", float(value), None)
        for name, value in zip(names, information, strict=True)
    ]


def _to_matrix(rows: pd.DataFrame, names: Sequence[str]) -> Matrix:
    matrix: Matrix = rows[list(names)].to_numpy(dtype=np.float64, na_value=np.nan)
    return matrix


def _frames(tables: EvaluationRows) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    metrics = pd.DataFrame(tables.metrics, columns=METRICS_TABLE.frame_names)
    confusion = pd.DataFrame(tables.confusion, columns=CONFUSION_TABLE.frame_names)
    importances = pd.DataFrame(tables.importances, columns=IMPORTANCES_TABLE.frame_names)
    points = pd.DataFrame(tables.curves, columns=CURVES_TABLE.frame_names)
    return (
        metrics.astype({"value": "float64", "std": "float64", "std_of_repeats": "float64"}),
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
    return {MISSING: "; ".join(dict.fromkeys(missing))} if missing else {}
