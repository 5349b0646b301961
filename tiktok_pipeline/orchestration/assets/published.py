"""The asset ``published``: the copy of the warehouse that analysts read."""

import warnings
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from dagster import (
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    BackfillPolicy,
    BetaWarning,
    FreshnessPolicy,
    MaterializeResult,
    MetadataValue,
    ResourceParam,
    asset,
)

from tiktok_pipeline.orchestration.automation.conditions import on_table_change
from tiktok_pipeline.orchestration.metadata import ENGINE_KINDS
from tiktok_pipeline.orchestration.partitions import SNAPSHOTS
from tiktok_pipeline.settings import Settings
from tiktok_pipeline.study import Study
from tiktok_pipeline.tables import published_tables, published_views
from tiktok_pipeline.warehouse.base import Warehouse


def published_asset(settings: Settings, studies: tuple[Study, ...], upstream: Sequence[AssetKey]) -> AssetsDefinition:
    """Return the asset of the published file; it comes after the tables ``upstream``."""

    def published(context: AssetExecutionContext, warehouse: ResourceParam[Warehouse]) -> MaterializeResult[Any]:
        target = settings.published_file
        left_out = warehouse.publish(
            target,
            tables=published_tables(),
            snapshots=context.partition_keys,
            views=published_views(studies),
        )
        stale = ", ".join(sorted({f"{slice_.study} of snapshot {slice_.snapshot}" for slice_ in left_out}))
        if stale:
            context.log.warning(f"left out, computed from an earlier delivery: {stale}; refresh the snapshot")
        return MaterializeResult(
            metadata={
                "path": MetadataValue.path(str(target)),
                "bytes": target.stat().st_size,
                "left_out": stale or "nothing",
                "left_out_slices": len(left_out),
            }
        )

    days = settings.freshness_days
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BetaWarning)  # backfill policies are in beta in Dagster 1.13
        return asset(
            key="published",
            deps=upstream,
            partitions_def=SNAPSHOTS,
            backfill_policy=BackfillPolicy.single_run(),
            group_name="published",
            kinds=ENGINE_KINDS - {"narwhals"},
            automation_condition=on_table_change(),
            freshness_policy=FreshnessPolicy.time_window(
                warn_window=timedelta(days=days), fail_window=timedelta(days=2 * days)
            ),
            description="The published file: every table but raw, and the views segments.<study>; "
            "replaced in one step.",
        )(published)
