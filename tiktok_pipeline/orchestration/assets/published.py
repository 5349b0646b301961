"""The asset ``published``: the copy of the warehouse that analysts read."""

import warnings
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
    asset,
)

from tiktok_pipeline.orchestration.automation.conditions import after_its_tables
from tiktok_pipeline.orchestration.metadata import ENGINE_KINDS
from tiktok_pipeline.orchestration.partitions import SNAPSHOTS
from tiktok_pipeline.settings import Settings
from tiktok_pipeline.study import Study
from tiktok_pipeline.tables import published_tables, segment_views_of
from tiktok_pipeline.warehouse.base import Warehouse

Frame = Any
"""A lazy frame (narwhals over the warehouse's relation); Dagster needs no more than that it is an object."""


def published_asset(settings: Settings, studies: tuple[Study, ...], upstream: list[AssetKey]) -> AssetsDefinition:
    """The copy that analysts read, brought up to date with snapshots and put in place in one step."""

    def published(context: AssetExecutionContext) -> MaterializeResult[Any]:
        warehouse: Warehouse = context.resources.warehouse
        left_out = warehouse.publish(
            settings.published_file,
            tables=published_tables(),
            snapshots=context.partition_keys,
            views=segment_views_of(studies),
        )
        late = sorted({f"{one.study} of snapshot {one.snapshot}" for one in left_out})
        if late:
            context.log.warning(
                f"left out, computed from an earlier delivery: {', '.join(late)}; refresh the snapshot"
            )
        size = settings.published_file.stat().st_size
        return MaterializeResult(
            metadata={"path": str(settings.published_file), "bytes": size, "left_out": ", ".join(late) or "nothing"}
        )

    days = settings.freshness_days
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BetaWarning)  # backfill policies are that in Dagster 1.13
        return asset(
            key="published",
            deps=upstream,
            partitions_def=SNAPSHOTS,
            backfill_policy=BackfillPolicy.single_run(),
            group_name="published",
            kinds=ENGINE_KINDS - {"narwhals"},
            required_resource_keys={"warehouse"},
            automation_condition=after_its_tables(),
            freshness_policy=FreshnessPolicy.time_window(
                warn_window=timedelta(days=days), fail_window=timedelta(days=2 * days)
            ),
            description="The published file: every table but raw, and the views segments.<study>; replaced in one step.",
        )(published)
