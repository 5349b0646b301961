"""The assets of stage ``features``: the features of each source, and their statistics."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import pandas as pd
from dagster import AssetExecutionContext, AssetsDefinition, Output, ResourceParam, multi_asset

from tiktok_pipeline.features.build import build_features
from tiktok_pipeline.features.catalog import FEATURES, feature_names
from tiktok_pipeline.features.drift import drift, drift_features, to_frame
from tiktok_pipeline.features.posting import ActivityBounds, posting_rows
from tiktok_pipeline.features.sample import collect_sample
from tiktok_pipeline.features.schema import DRIFT_TABLE, TABLES
from tiktok_pipeline.features.statistics import correlate, describe, judge_normality
from tiktok_pipeline.frames import count_rows
from tiktok_pipeline.orchestration.metadata import Frame, table_in, table_out
from tiktok_pipeline.orchestration.partitions import SNAPSHOTS
from tiktok_pipeline.orchestration.resources.figures import SHARED, FigureStore
from tiktok_pipeline.orchestration.resources.io_manager import ExternalRows
from tiktok_pipeline.orchestration.resources.samples import Samples
from tiktok_pipeline.recipes.segmentation import MAX_SCORE_ROWS
from tiktok_pipeline.reports.feature_figures import feature_figures
from tiktok_pipeline.settings import Settings
from tiktok_pipeline.warehouse.base import Warehouse


def features_assets(settings: Settings) -> list[AssetsDefinition]:
    """Return the assets of stage ``features``."""
    return [
        *(_features_asset(source) for source in FEATURES),
        _posting_asset(settings),
        _statistics_asset(),
        _drift_asset(),
    ]


def _features_asset(source: str) -> AssetsDefinition:
    @multi_asset(
        name=f"features_{source}",
        ins={"validated": table_in(f"validated.{source}")},
        outs={"features": table_out(f"features.{source}")},
        partitions_def=SNAPSHOTS,
        group_name="features",
    )
    def features(validated: Frame) -> Output[Any]:
        return Output(ExternalRows(build_features(validated, source)), "features")

    return features


def _posting_asset(settings: Settings) -> AssetsDefinition:
    @multi_asset(
        name="features_posting",
        ins={"videos": table_in("validated.videos"), "profiles": table_in("validated.profiles")},
        outs={"posting": table_out("features.posting")},
        partitions_def=SNAPSHOTS,
        group_name="features",
    )
    def posting(
        context: AssetExecutionContext, warehouse: ResourceParam[Warehouse], videos: Frame, profiles: Frame
    ) -> Iterator[Output[Any]]:
        day = date.fromisoformat(context.partition_key[:10])
        bounds = ActivityBounds(settings.posting_days, settings.dormant_days)
        yield Output(posting_rows(videos, profiles, day=day, bounds=bounds, engine=warehouse), "posting")
        warehouse.unpersist_all()

    return posting


def _statistics_asset() -> AssetsDefinition:
    @multi_asset(
        name="features_statistics",
        ins={source: table_in(f"features.{source}") for source in FEATURES},
        outs={"statistics": table_out("features.statistics", kinds={"pandas"})},
        partitions_def=SNAPSHOTS,
        group_name="features",
    )
    def statistics(
        context: AssetExecutionContext,
        *,
        warehouse: ResourceParam[Warehouse],
        figures: ResourceParam[FigureStore],
        samples: ResourceParam[Samples],
        **features: Frame,
    ) -> Output[Any]:
        tables: list[pd.DataFrame] = []
        plotted: dict[str, tuple[pd.DataFrame, pd.DataFrame]] = {}
        for source, frame in features.items():
            sample = samples.of(frame, snapshot=context.partition_key, source=source).sample
            described = describe(frame, source, sample)
            rows = collect_sample(sample, feature_names(source), max_rows=MAX_SCORE_ROWS, engine=warehouse)
            correlations, normality = correlate(rows, source), judge_normality(rows, source)
            tables += [described, correlations, normality]
            plotted[source] = (rows, pd.concat([correlations, normality], ignore_index=True))
            warehouse.unpersist_all()
        metadata = figures.replace(
            context.partition_key, group=SHARED, step="statistics", plot=lambda: feature_figures(plotted)
        )
        statistics = pd.concat([table for table in tables if len(table)], ignore_index=True)
        return Output(statistics, "statistics", metadata=metadata)

    return statistics


def _drift_asset() -> AssetsDefinition:
    @multi_asset(
        name="features_drift",
        ins={source: table_in(f"features.{source}") for source in FEATURES},
        outs={"drift": table_out("features.drift")},
        partitions_def=SNAPSHOTS,
        group_name="features",
    )
    def drift_of_features(
        context: AssetExecutionContext, *, warehouse: ResourceParam[Warehouse], **features: Frame
    ) -> Output[Any]:
        snapshot = context.partition_key
        tables, previous = [pd.DataFrame(columns=DRIFT_TABLE.frame_names)], {}
        for source, frame in features.items():
            table = TABLES[source]
            stored = {slice_.snapshot for slice_ in warehouse.slices() if slice_.table == str(table) and slice_.rows}
            earlier = max((key for key in stored if key < snapshot), default=None)
            previous[f"previous_snapshot_{source}"] = earlier or "none"
            if earlier is not None and count_rows(frame):
                before = warehouse.read_slice(table, {"snapshot": earlier})
                drifts = drift(before, frame, drift_features(source), warehouse)
                tables.append(to_frame(drifts, source, earlier))
                warehouse.unpersist_all()
        rows = [table for table in tables if len(table)] or tables[:1]
        return Output(pd.concat(rows, ignore_index=True), "drift", metadata=previous)

    return drift_of_features
