"""The tables of stage ``features``. The catalog gives their columns.

The features of profiles are views of the validated rows: each follows from one row and is computed when it is read.
Stored, they would take as much disk space as the validated rows. The posting features are stored: each follows from
all videos of a creator.
"""

from __future__ import annotations

import math
from functools import partial

import pandera.pandas as pa

from tiktok_pipeline.features.build import build_features
from tiktok_pipeline.features.catalog import FEATURES
from tiktok_pipeline.features.feature import Feature
from tiktok_pipeline.features.posting import POSTING_FEATURES
from tiktok_pipeline.raw.schema import SNAPSHOT, SOURCE_FILE, SOURCE_ROW
from tiktok_pipeline.validated.schema import ACCOUNT_ID
from tiktok_pipeline.validated.schema import TABLES as VALIDATED
from tiktok_pipeline.warehouse.base import Column, Derived, TableSpec
from tiktok_pipeline.warehouse.contract import Checks, schema_for


def _column(feature: Feature) -> Column:
    text = f"{feature.description}: {feature.formula} ({feature.unit})"
    return Column(name=feature.name, type="text" if feature.is_text else "float", description=text)


def _checks(features: tuple[Feature, ...]) -> Checks:
    bounded = {}
    for feature in features:
        if not feature.is_text:
            upper = [] if math.isinf(feature.highest) else [pa.Check.le(feature.highest)]
            bounded[feature.name] = [pa.Check.ge(feature.lowest), *upper]
    return bounded


def _table(source: str) -> TableSpec:
    return TableSpec(
        schema="features",
        name=source,
        description=f"every feature in the catalog of the validated {source.replace('_', ' ')}",
        rows_per=("snapshot", "account_id"),
        columns=(SNAPSHOT, ACCOUNT_ID, SOURCE_FILE, SOURCE_ROW, *map(_column, FEATURES[source])),
        derived=Derived(VALIDATED[source], partial(build_features, source=source, keep=("snapshot",))),
    )


TABLES = {source: _table(source) for source in FEATURES}
SCHEMAS = {source: schema_for(table, _checks(FEATURES[source])) for source, table in TABLES.items()}

POSTING_TABLE = TableSpec(
    schema="features",
    name="posting",
    description="when and how often each creator with a known video posts, and what the videos reach",
    rows_per=("snapshot", "account_id"),
    columns=(SNAPSHOT, ACCOUNT_ID, *map(_column, POSTING_FEATURES)),
)
POSTING_SCHEMA = schema_for(POSTING_TABLE, _checks(POSTING_FEATURES))

STATISTICS_TABLE = TableSpec(
    schema="features",
    name="statistics",
    description="the distribution of each feature, and the correlation of each pair of features",
    rows_per=("snapshot", "source", "feature", "other_feature", "statistic"),
    columns=(
        SNAPSHOT,
        Column(
            name="source", type="text", description="source of the rows: profiles or creator_activity", nullable=False
        ),
        Column(name="feature", type="text", description="name of the feature", nullable=False),
        Column(
            name="other_feature",
            type="text",
            description="second feature of a pair; empty for a single feature",
            nullable=False,
        ),
        Column(
            name="statistic",
            type="text",
            description="rows, missing, mean, std, q05 .. q95, skewness, normality, normality_p, pearson, spearman",
            nullable=False,
        ),
        Column(name="value", type="float", description="value of the statistic; NULL if it is not defined", digits=9),
    ),
)
STATISTICS_SCHEMA = schema_for(STATISTICS_TABLE)

DRIFT_TABLE = TableSpec(
    schema="features",
    name="drift",
    description="how far each feature moved since the last snapshot with the source (population stability index)",
    rows_per=("snapshot", "source", "feature"),
    columns=(
        SNAPSHOT,
        Column(
            name="source", type="text", description="source of the rows: profiles or creator_activity", nullable=False
        ),
        Column(
            name="feature",
            type="text",
            description="name of the feature; its logarithm has the same index and is left out",
            nullable=False,
        ),
        Column(name="previous_snapshot", type="text", description="the earlier snapshot", nullable=False),
        Column(
            name="psi",
            type="float",
            description="population stability index; from 0.1 moderate, from 0.25 major; NULL: see why_not",
            digits=9,
        ),
        Column(name="rows_before", type="integer", description="rows of the earlier snapshot", nullable=False),
        Column(name="rows_now", type="integer", description="rows of this snapshot", nullable=False),
        Column(name="why_not", type="text", description="why there is no index; NULL: there is one"),
    ),
)
DRIFT_SCHEMA = schema_for(DRIFT_TABLE, {"psi": [pa.Check.ge(0.0)]})
