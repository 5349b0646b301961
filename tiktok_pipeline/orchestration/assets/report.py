"""The asset ``report``: the HTML report of a snapshot."""

from collections.abc import Sequence
from typing import Any

from dagster import (
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    MaterializeResult,
    MetadataValue,
    ResourceParam,
    asset,
)

from tiktok_pipeline.atomic_write import atomic_write_text
from tiktok_pipeline.features.posting import ActivityBounds
from tiktok_pipeline.orchestration.automation.conditions import on_table_change
from tiktok_pipeline.orchestration.partitions import SNAPSHOTS
from tiktok_pipeline.orchestration.resources.figures import SHARED, FigureStore
from tiktok_pipeline.reports.gather import gather
from tiktok_pipeline.reports.html import render_report
from tiktok_pipeline.reports.report_model import build_report
from tiktok_pipeline.reports.snapshot_reader import SnapshotReader
from tiktok_pipeline.settings import Settings
from tiktok_pipeline.study import Study
from tiktok_pipeline.warehouse.base import Warehouse


def report_asset(settings: Settings, studies: tuple[Study, ...], upstream: Sequence[AssetKey]) -> AssetsDefinition:
    """Return the asset of the report; it comes after the tables ``upstream``."""

    @asset(
        key="report",
        deps=upstream,
        partitions_def=SNAPSHOTS,
        group_name="published",
        kinds={"html"},
        automation_condition=on_table_change(),
        description="The report of the snapshot: one HTML file that needs no network and no script.",
    )
    def report(
        context: AssetExecutionContext, warehouse: ResourceParam[Warehouse], figures: ResourceParam[FigureStore]
    ) -> MaterializeResult[Any]:
        reader = SnapshotReader(warehouse, context.partition_key)
        by_group = figures.of_snapshot(context.partition_key)
        shared_figures = by_group.pop(SHARED, {})
        bounds = ActivityBounds(settings.posting_days, settings.dormant_days)
        tables = gather(
            reader,
            studies,
            figures=by_group,
            shared_figures=shared_figures,
            bounds=bounds,
            min_followers=settings.shortlist_followers,
        )
        settings.reports.mkdir(parents=True, exist_ok=True)
        target = settings.reports / f"{context.partition_key}.html"
        atomic_write_text(target, render_report(build_report(tables)))
        return MaterializeResult(metadata={"path": MetadataValue.path(str(target)), "bytes": target.stat().st_size})

    return report
