"""The asset ``report``: the HTML report of a snapshot."""

from typing import Any

from dagster import AssetExecutionContext, AssetKey, AssetsDefinition, MaterializeResult, MetadataValue, asset

from tiktok_pipeline.atomic_write import atomic_write_text
from tiktok_pipeline.orchestration.automation.conditions import after_its_tables
from tiktok_pipeline.orchestration.partitions import SNAPSHOTS
from tiktok_pipeline.orchestration.resources.figures import SHARED
from tiktok_pipeline.reports.gather import SnapshotReader, gather
from tiktok_pipeline.reports.html import render_report
from tiktok_pipeline.reports.report_model import build_report
from tiktok_pipeline.settings import Settings
from tiktok_pipeline.study import Study


def report_asset(settings: Settings, studies: tuple[Study, ...], upstream: list[AssetKey]) -> AssetsDefinition:
    """The page of a snapshot, after everything else of it."""

    @asset(
        key="report",
        deps=upstream,
        partitions_def=SNAPSHOTS,
        group_name="published",
        kinds={"html"},
        automation_condition=after_its_tables(),
        required_resource_keys={"warehouse", "pictures"},
        description="The report of the snapshot: one HTML file that needs no network and no script.",
    )
    def report(context: AssetExecutionContext) -> MaterializeResult[Any]:
        reader = SnapshotReader(context.resources.warehouse, context.partition_key)
        figures = context.resources.pictures.of_snapshot(context.partition_key)
        shared_figures = figures.pop(SHARED, {})
        tables = gather(reader, studies, figures=figures, shared_figures=shared_figures)
        settings.reports.mkdir(parents=True, exist_ok=True)
        target = settings.reports / f"{context.partition_key}.html"
        atomic_write_text(target, render_report(build_report(tables)))
        return MaterializeResult(metadata={"path": MetadataValue.path(str(target)), "bytes": target.stat().st_size})

    return report
