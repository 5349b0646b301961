"""The assets of a study that compare its segments with those of the snapshot before."""

from collections.abc import Iterator
from typing import Any

import pandas as pd
from dagster import AssetExecutionContext, AssetsDefinition, Output, ResourceParam, multi_asset

from tiktok_pipeline.analysis.migration import migrate_study
from tiktok_pipeline.orchestration.metadata import Frame, numbers, table_in, table_out
from tiktok_pipeline.orchestration.partitions import SNAPSHOTS
from tiktok_pipeline.orchestration.resources.figures import FigureStore
from tiktok_pipeline.personas.transitions import moved_shares
from tiktok_pipeline.plots.migration import plot_migration
from tiktok_pipeline.study import Study
from tiktok_pipeline.warehouse.base import Warehouse


def migration_assets(study: Study) -> AssetsDefinition:
    """Return one asset for each table of the comparison; one step computes all of them."""

    @multi_asset(
        name=f"{study.name}_migration",
        ins={
            "features": table_in(f"features.{study.source}"),
            "identities": table_in("creators.identities"),
            "comparisons": table_in("creators.comparisons"),
            "models": table_in("clusters.models", study),
            "assignments": table_in("clusters.assignments", study),
            "summaries": table_in("personas.summaries", study),
        },
        outs={
            "migrations": table_out("personas.migrations", study=study, kinds={"pandas"}),
            "lifecycle": table_out("personas.lifecycle", study=study, kinds={"pandas"}),
            "moves": table_out("creators.moves", study=study),
        },
        partitions_def=SNAPSHOTS,
        group_name=study.name,
    )
    def migration(
        context: AssetExecutionContext,
        features: Frame,
        *,
        warehouse: ResourceParam[Warehouse],
        figures: ResourceParam[FigureStore],
        **_: Frame,
    ) -> Iterator[Output[Any]]:
        snapshot = context.partition_key
        tables = migrate_study(warehouse, study, snapshot, features)
        pngs = figures.replace(
            snapshot,
            group=study.name,
            step="d_migration",
            plot=lambda: {"migration": plot_migration(tables.migrations)} if len(tables.migrations) else {},
        )
        told: dict[str, Any] = {
            "previous_snapshot": _previous(tables.migrations),
            "why_empty": tables.why_empty or "",
        }
        yield Output(
            tables.migrations, "migrations", metadata={**told, **numbers(**moved_shares(tables.migrations)), **pngs}
        )
        yield Output(tables.lifecycle, "lifecycle", metadata=told)
        yield Output(tables.moves, "moves", metadata=told)
        warehouse.unpersist_all()

    return migration


def _previous(migrations: pd.DataFrame) -> str:
    return str(migrations["previous_snapshot"].iloc[0]) if len(migrations) else "none"
