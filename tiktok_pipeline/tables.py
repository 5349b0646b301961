"""Every table of the project: its columns (`TableSpec`) and the checks that its rows must pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandera.pandas as pa

from tiktok_pipeline.classifiers import schema as classifiers
from tiktok_pipeline.clusters import schema as clusters
from tiktok_pipeline.creators import peer_schema as peers
from tiktok_pipeline.creators import schema as creators
from tiktok_pipeline.features import schema as features
from tiktok_pipeline.personas import schema as personas
from tiktok_pipeline.personas.segment_views import segment_views
from tiktok_pipeline.raw.schema import FILES, PROFILES, SOURCES
from tiktok_pipeline.study import Study
from tiktok_pipeline.validated import schema as validated
from tiktok_pipeline.warehouse.base import TableSpec, View
from tiktok_pipeline.warehouse.contract import schema_for


@dataclass(frozen=True)
class Table:
    """A table: its typed columns and the checks that its rows must pass."""

    spec: TableSpec
    schema: pa.DataFrameSchema


_ALL = (
    Table(FILES, schema_for(FILES)),
    *(Table(source.table, schema_for(source.table)) for source in SOURCES),
    *(Table(validated.TABLES[source.name], validated.SCHEMAS[source.name]) for source in SOURCES),
    Table(validated.REJECTED_TABLE, validated.REJECTED_SCHEMA),
    Table(validated.UNREAD_CELLS_TABLE, validated.UNREAD_CELLS_SCHEMA),
    *(Table(table, features.SCHEMAS[source]) for source, table in features.TABLES.items()),
    Table(features.POSTING_TABLE, features.POSTING_SCHEMA),
    Table(features.STATISTICS_TABLE, features.STATISTICS_SCHEMA),
    Table(features.DRIFT_TABLE, features.DRIFT_SCHEMA),
    Table(clusters.K_SCORES_TABLE, clusters.K_SCORES_SCHEMA),
    Table(clusters.FITS_TABLE, clusters.FITS_SCHEMA),
    Table(clusters.MODELS_TABLE, clusters.MODELS_SCHEMA),
    Table(clusters.CONTINUITY_TABLE, clusters.CONTINUITY_SCHEMA),
    Table(clusters.ASSIGNMENTS_TABLE, clusters.ASSIGNMENTS_SCHEMA),
    Table(clusters.STABILITY_TABLE, clusters.STABILITY_SCHEMA),
    Table(clusters.STABILITY_RUNS_TABLE, clusters.STABILITY_RUNS_SCHEMA),
    Table(personas.SUMMARIES_TABLE, personas.SUMMARIES_SCHEMA),
    Table(personas.FEATURES_TABLE, personas.FEATURES_SCHEMA),
    Table(personas.RULES_TABLE, personas.RULES_SCHEMA),
    Table(personas.RECOMMENDATIONS_TABLE, personas.RECOMMENDATIONS_SCHEMA),
    Table(personas.MIGRATIONS_TABLE, personas.MIGRATIONS_SCHEMA),
    Table(personas.LIFECYCLE_TABLE, personas.LIFECYCLE_SCHEMA),
    Table(classifiers.METRICS_TABLE, classifiers.METRICS_SCHEMA),
    Table(classifiers.CONFUSION_TABLE, classifiers.CONFUSION_SCHEMA),
    Table(classifiers.IMPORTANCES_TABLE, classifiers.IMPORTANCES_SCHEMA),
    Table(classifiers.CURVES_TABLE, classifiers.CURVES_SCHEMA),
    Table(classifiers.LEAKAGE_TABLE, classifiers.LEAKAGE_SCHEMA),
    Table(classifiers.FEATURE_SETS_TABLE, classifiers.FEATURE_SETS_SCHEMA),
    Table(classifiers.SCORES_TABLE, classifiers.SCORES_SCHEMA),
    Table(classifiers.MODELS_TABLE, classifiers.MODELS_SCHEMA),
    Table(classifiers.CARDS_TABLE, classifiers.CARDS_SCHEMA),
    Table(creators.IDENTITIES_TABLE, creators.IDENTITIES_SCHEMA),
    Table(creators.DEPARTURES_TABLE, creators.DEPARTURES_SCHEMA),
    Table(creators.GROWTH_TABLE, creators.GROWTH_SCHEMA),
    Table(creators.COMPARISONS_TABLE, creators.COMPARISONS_SCHEMA),
    Table(creators.MOVES_TABLE, creators.MOVES_SCHEMA),
    Table(peers.PEERS_TABLE, peers.PEERS_SCHEMA),
    Table(peers.NOTICES_TABLE, peers.NOTICES_SCHEMA),
    Table(peers.CURRENT_TABLE, peers.CURRENT_SCHEMA),
    Table(peers.HISTORY_TABLE, peers.HISTORY_SCHEMA),
    Table(peers.BENCHMARKS_TABLE, peers.BENCHMARKS_SCHEMA),
)
TABLES: Mapping[str, Table] = {str(table.spec): table for table in _ALL}


def published_tables() -> list[TableSpec]:
    """Return the tables of the published file: every table except those of stage ``raw``."""
    return [table.spec for table in _ALL if table.spec.schema != "raw"]


def published_views(studies: Sequence[Study]) -> list[View]:
    """The views ``segments.<study>`` and ``segments.<study>_history``, and ``creators.handles``."""
    return [*(view for study in studies for view in _views(study)), creators.HANDLES_VIEW]


def _views(study: Study) -> tuple[View, View]:
    return segment_views(
        study.name,
        validated.TABLES[study.source],
        scores=classifiers.SCORES_TABLE if study.classification else None,
        posting=features.POSTING_TABLE if study.source == PROFILES.name else None,
        identities=creators.IDENTITIES_TABLE,
        moves=creators.MOVES_TABLE,
        has_segments=study.segmentation is not None,
    )
