"""The assets of stage ``features``: the features of each source and their statistics."""

from typing import Any

import pandas as pd
from dagster import (
    AssetExecutionContext,
    AssetsDefinition,
    Output,
    multi_asset,
)

from tiktok_pipeline.features.build import build_features
from tiktok_pipeline.features.catalogue import FEATURES, feature_names
from tiktok_pipeline.features.sample import collect_sample
from tiktok_pipeline.features.statistics import correlate, describe, judge_normality
from tiktok_pipeline.orchestration.assets.published import Frame
from tiktok_pipeline.orchestration.metadata import table_in, table_out
from tiktok_pipeline.orchestration.partitions import SNAPSHOTS
from tiktok_pipeline.orchestration.resources.figures import SHARED
from tiktok_pipeline.orchestration.resources.io_manager import ExternalRows
from tiktok_pipeline.raw.schema import SOURCES, Source
from tiktok_pipeline.recipes.segmentation import MAX_SCORE_ROWS
from tiktok_pipeline.reports.feature_figures import feature_figures
from tiktok_pipeline.warehouse.base import Warehouse


def features_assets() -> list[AssetsDefinition]:
    """The features of each source, and the statistics over all of them."""
    return [*(_features_asset(source) for source in SOURCES), _statistics_asset()]


def _features_asset(source: Source) -> AssetsDefinition:
    @multi_asset(
        name=f"features_{source.name}",
        ins={"validated": table_in(f"validated.{source.name}")},
        outs={"features": table_out(f"features.{source.name}")},
        partitions_def=SNAPSHOTS,
        group_name="features",
    )
    def features(validated: Frame) -> Output[Any]:
        return Output(ExternalRows(build_features(validated, source.name)), "features")

    return features


def _statistics_asset() -> AssetsDefinition:
    @multi_asset(
        name="features_statistics",
        ins={source: table_in(f"features.{source}") for source in FEATURES},
        outs={"statistics": table_out("features.statistics", kinds={"pandas"})},
        partitions_def=SNAPSHOTS,
        group_name="features",
        required_resource_keys={"warehouse", "pictures", "samples"},
    )
    def statistics(context: AssetExecutionContext, **features: Frame) -> Output[Any]:
        parts: list[pd.DataFrame] = []
        samples: dict[str, tuple[pd.DataFrame, pd.DataFrame]] = {}
        for source, frame in features.items():
            engine: Warehouse = context.resources.warehouse
            names = feature_names(source)
            drawn = context.resources.samples.of(frame, snapshot=context.partition_key, source=source).sample
            described = describe(frame, source, drawn)
            sample = collect_sample(drawn, names, max_rows=MAX_SCORE_ROWS, engine=engine)
            found = [described, correlate(sample, source), judge_normality(sample, source)]
            parts += [part for part in found if len(part)]
            samples[source] = (sample, found[1])
            engine.unpersist_all()
        shown = context.resources.pictures.replace(
            context.partition_key, group=SHARED, step="statistics", draw=lambda: feature_figures(samples)
        )
        return Output(pd.concat(parts, ignore_index=True), "statistics", metadata=shown)

    return statistics
