"""The tables of stage ``classifiers`` with their contracts."""

from __future__ import annotations

import pandera.pandas as pa

from tiktok_pipeline.clusters.schema import SLICE, STUDY
from tiktok_pipeline.raw.schema import SNAPSHOT
from tiktok_pipeline.recipes.classification import MODELS
from tiktok_pipeline.validated.schema import ACCOUNT_ID
from tiktok_pipeline.warehouse.base import Column, TableSpec
from tiktok_pipeline.warehouse.contract import schema_for

MODEL = Column(
    name="model",
    type="text",
    description="random_forest, logistic_regression, gradient_boosting, neural_network, dummy; empty: no model",
    nullable=False,
)
PROTOCOL = Column(
    name="protocol",
    type="text",
    description="published (the source's own steps), mended (its errors corrected), honest (cross-validated)",
    nullable=False,
)
FEATURE_SET = Column(name="feature_set", type="text", description="name of the feature set", nullable=False)
FEATURE = Column(name="feature", type="text", description="the feature", nullable=False)


def _table(name: str, description: str, *columns: Column, rows_per: tuple[str, ...]) -> TableSpec:
    return TableSpec(
        schema="classifiers",
        name=name,
        description=description,
        slice_by=SLICE,
        rows_per=(*SLICE, *rows_per) if rows_per else (),
        columns=(SNAPSHOT, STUDY, *columns),
    )


METRICS_TABLE = _table(
    "metrics",
    "metrics of each model under each protocol",
    MODEL,
    PROTOCOL,
    FEATURE_SET,
    Column(
        name="metric",
        type="text",
        description="f1, precision, recall, roc_auc, average_precision, balanced_accuracy, brier, threshold, *_tuned",
        nullable=False,
    ),
    Column(name="value", type="float", description="mean over folds; NULL if it is not defined"),
    Column(name="std", type="float", description="standard deviation over folds; NULL for a single split"),
    Column(
        name="std_of_repeats",
        type="float",
        description="standard deviation of the means of the repeats; NULL without repeats",
    ),
    rows_per=("model", "protocol", "feature_set", "metric"),
)
CONFUSION_TABLE = _table(
    "confusion",
    "confusion matrix of each model",
    MODEL,
    PROTOCOL,
    FEATURE_SET,
    Column(name="actual", type="boolean", description="the label", nullable=False),
    Column(name="predicted", type="boolean", description="the prediction", nullable=False),
    Column(name="profiles", type="integer", description="number of creators", nullable=False),
    rows_per=("model", "protocol", "feature_set", "actual", "predicted"),
)
IMPORTANCES_TABLE = _table(
    "importances",
    "feature importances of each model",
    MODEL,
    PROTOCOL,
    FEATURE_SET,
    FEATURE,
    Column(
        name="method",
        type="text",
        description="impurity, permutation (loss of F1 when the feature is shuffled), mutual_information (nats)",
        nullable=False,
    ),
    Column(name="importance", type="float", description="the importance, in the unit of the method", nullable=False),
    Column(name="std", type="float", description="standard deviation over shuffles or trees; NULL if there is none"),
    rows_per=("model", "protocol", "feature_set", "feature", "method"),
)
CURVES_TABLE = _table(
    "curves",
    "curves of each model, thinned for plotting",
    MODEL,
    PROTOCOL,
    FEATURE_SET,
    Column(
        name="curve",
        type="text",
        description="precision_recall (x recall, y precision); precision, recall, f1 (x threshold); calibration "
        "(x mean score, y share of positives; each point has a tenth of the sum of the scores)",
        nullable=False,
    ),
    Column(name="threshold", type="float", description="the threshold on the score; NULL for calibration"),
    Column(name="x", type="float", description="see curve", nullable=False),
    Column(name="y", type="float", description="see curve", nullable=False),
    rows_per=(),  # points that coincide are kept
)
LEAKAGE_TABLE = _table(
    "leakage",
    "whether a feature gives the label away",
    FEATURE,
    Column(
        name="other_feature",
        type="text",
        description="the second feature of a combination; empty for a single feature",
        nullable=False,
    ),
    Column(
        name="combination",
        type="text",
        description="sum, difference, product or ratio of the two features; NULL for a single feature",
    ),
    Column(
        name="is_published",
        type="boolean",
        description="whether it is an input of the published model",
        nullable=False,
    ),
    Column(name="single_feature_auc", type="float", description="ROC-AUC of the feature alone, 0.5 to 1"),
    Column(name="best_f1", type="float", description="best F1 of a threshold on the feature alone (or on the sum)"),
    Column(
        name="ap_without", type="float", description="average precision of the reference model without the feature"
    ),
    Column(name="kind", type="text", description="leak, quasi_label or clear", nullable=False),
    Column(name="verdict", type="text", description="the same in words", nullable=False),
    rows_per=("feature", "other_feature"),
)
FEATURE_SETS_TABLE = _table(
    "feature_sets",
    "which feature sets give the label away, and which result stands for the study",
    FEATURE_SET,
    Column(
        name="gives_label_away",
        type="boolean",
        description="whether it holds or rebuilds a feature that the audit flagged",
        nullable=False,
    ),
    Column(name="why", type="text", description="the reason, in words", nullable=False),
    Column(
        name="headline_model",
        type="text",
        description="the model whose result on this set stands for the study; NULL: another set does",
    ),
    rows_per=("feature_set",),
)
SCORES_TABLE = _table(
    "scores",
    "calibrated probability that a creator is positive, by the honest model",
    MODEL,
    ACCOUNT_ID,
    Column(name="score", type="float", description="calibrated probability, 0 to 1"),
    Column(name="predicted", type="boolean", description="whether the score reaches the threshold of the model card"),
    Column(
        name="out_of_fold", type="boolean", description="scored by a model that never saw this row", nullable=False
    ),
    rows_per=("account_id",),
)
MODELS_TABLE = _table(
    "models",
    "the scoring model, as numbers",
    MODEL,
    FEATURE_SET,
    Column(
        name="position",
        type="integer",
        description="position of the feature, from 0; -1 for the other numbers",
        nullable=False,
    ),
    Column(
        name="feature", type="text", description="the feature, or intercept, slope, offset, threshold", nullable=False
    ),
    Column(name="fill", type="float", description="value used for a missing one"),
    Column(name="center", type="float", description="subtracted from ln(x + 1)"),
    Column(name="scale", type="float", description="divisor after centering"),
    Column(
        name="coefficient", type="float", description="weight of the scaled feature, or the number", nullable=False
    ),
    rows_per=("model", "feature_set", "feature"),
)
CARDS_TABLE = _table(
    "cards",
    "the model card: data, settings, versions, metrics, and what is missing",
    Column(name="item", type="text", description="name of the fact", nullable=False),
    Column(name="value", type="text", description="the fact, as text", nullable=False),
    rows_per=("item",),
)

_SHARE = [pa.Check.in_range(0.0, 1.0)]
_PROTOCOL = [pa.Check.isin(["published", "mended", "honest"])]
_MODEL = [pa.Check.isin(["", *MODELS])]
METRICS_SCHEMA = schema_for(METRICS_TABLE, {"protocol": _PROTOCOL, "model": _MODEL, "value": _SHARE})
CONFUSION_SCHEMA = schema_for(CONFUSION_TABLE, {"protocol": _PROTOCOL, "model": _MODEL, "profiles": [pa.Check.ge(0)]})
IMPORTANCES_SCHEMA = schema_for(IMPORTANCES_TABLE, {"model": _MODEL})
CURVES_SCHEMA = schema_for(CURVES_TABLE, {"protocol": _PROTOCOL, "model": _MODEL, "x": _SHARE, "y": _SHARE})
LEAKAGE_SCHEMA = schema_for(
    LEAKAGE_TABLE,
    {
        "single_feature_auc": [pa.Check.in_range(0.5, 1.0)],
        "best_f1": _SHARE,
        "ap_without": _SHARE,
        "kind": [pa.Check.isin(["leak", "quasi_label", "clear"])],
    },
)
FEATURE_SETS_SCHEMA = schema_for(FEATURE_SETS_TABLE, {"headline_model": _MODEL})
SCORES_SCHEMA = schema_for(SCORES_TABLE, {"model": _MODEL, "score": _SHARE})
MODELS_SCHEMA = schema_for(MODELS_TABLE, {"model": _MODEL})
CARDS_SCHEMA = schema_for(CARDS_TABLE)
