"""The assets that all studies share: raw, validated and features of each source, and the published copy."""

import warnings
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import narwhals as nw
import pandas as pd
from dagster import (
    AssetExecutionContext,
    AssetKey,
    AssetsDefinition,
    BackfillPolicy,
    BetaWarning,
    FreshnessPolicy,
    MaterializeResult,
    Output,
    asset,
    multi_asset,
)

from tiktok_pipeline.classifiers.schema import SCORES_TABLE
from tiktok_pipeline.features.build import build_features
from tiktok_pipeline.features.catalogue import FEATURES, feature_names
from tiktok_pipeline.features.sample import take
from tiktok_pipeline.features.statistics import correlate, describe, judge_normality
from tiktok_pipeline.orchestration.conditions import after_its_tables
from tiktok_pipeline.orchestration.feature_pictures import feature_figures
from tiktok_pipeline.orchestration.io_manager import InPlace
from tiktok_pipeline.orchestration.manifest import read_manifest
from tiktok_pipeline.orchestration.metadata import ENGINE_KINDS, table_in, table_out
from tiktok_pipeline.orchestration.partitions import SNAPSHOTS
from tiktok_pipeline.orchestration.pictures import SHARED
from tiktok_pipeline.orchestration.raw_rows import lies_in_place, raw_rows
from tiktok_pipeline.orchestration.room import check_room
from tiktok_pipeline.orchestration.tables import published_tables
from tiktok_pipeline.personas.segments import segment_views
from tiktok_pipeline.raw.schema import FILES, SOURCES, Source
from tiktok_pipeline.settings import Settings
from tiktok_pipeline.study import MAX_SCORE_ROWS, Study
from tiktok_pipeline.validated.judge import check_balance, judge_source, without_quoted_cells
from tiktok_pipeline.validated.schema import REJECTED_TABLE, TABLES
from tiktok_pipeline.warehouse.base import View, Warehouse

Frame = Any
"""A lazy frame (narwhals over the warehouse's relation); Dagster needs no more than that it is an object."""


class UnknownSnapshotError(ValueError):
    """A snapshot was asked for of which no file was ever delivered."""


def raw_assets(settings: Settings) -> AssetsDefinition:
    """``raw.files`` from the snapshot's manifest, and the raw rows of each source from its files."""

    @multi_asset(
        name="raw",
        outs={"files": table_out("raw.files"), **{one.name: table_out(f"raw.{one.name}") for one in SOURCES}},
        partitions_def=SNAPSHOTS,
        group_name="raw",
        required_resource_keys={"warehouse"},
    )
    def raw(context: AssetExecutionContext) -> Iterator[Output[Any]]:
        snapshot = context.partition_key
        warehouse: Warehouse = context.resources.warehouse
        folder = settings.raw / snapshot
        manifest = read_manifest(folder)
        if not manifest:
            msg = f"snapshot {snapshot}: no file of it in {folder}; run `tiktok-pipeline refresh FILE --snapshot {snapshot}`"
            raise UnknownSnapshotError(msg)
        check_room(settings, snapshot, manifest)
        files = pd.DataFrame([vars(entry) for entry in manifest])[FILES.frame_names]
        yield Output(files.assign(ingested_at=pd.to_datetime(files["ingested_at"])), "files")
        for source in SOURCES:
            rows = raw_rows(folder, source, warehouse)
            if rows is None:
                yield Output(pd.DataFrame(columns=source.table.frame_names), source.name)
            else:
                yield Output(InPlace(rows) if lies_in_place(manifest, source) else rows, source.name)

    return raw


def validated_assets() -> AssetsDefinition:
    """Good rows of each source and all rejected rows; the balance of rows is held before anything is replaced."""

    @multi_asset(
        name="validated",
        ins={one.name: table_in(f"raw.{one.name}") for one in SOURCES},
        outs={
            "rejected": table_out("validated.rejected"),
            **{f"good_{one.name}": table_out(f"validated.{one.name}", is_required=False) for one in SOURCES},
        },
        partitions_def=SNAPSHOTS,
        group_name="validated",
        required_resource_keys={"warehouse"},
    )
    def validated(context: AssetExecutionContext, **raw: Frame) -> Iterator[Output[Any]]:
        warehouse: Warehouse = context.resources.warehouse
        there = [source for source in SOURCES if _count(raw[source.name])]
        judged = {source.name: judge_source(raw[source.name], source, warehouse) for source in there}
        rejected = [one.rejected for one in judged.values()]
        empty = pd.DataFrame(columns=REJECTED_TABLE.frame_names)
        all_rejected = warehouse.staged(nw.concat(rejected, how="vertical")) if rejected else empty
        yield Output(all_rejected, "rejected")
        for source in there:
            one = judged[source.name]
            counts = {
                "raw": _count(raw[source.name]),
                "validated": _count(one.good),
                "rejected": _count(one.rejected),
            }
            check_balance(counts, snapshot=context.partition_key, source=source.name, worst=_reasons(one.rejected))
        for source in SOURCES:
            good = judged[source.name].good if source.name in judged else _no_rows(source)
            yield Output(good, f"good_{source.name}")
        warehouse.drop_staged()

    return validated


def _no_rows(source: Source) -> pd.DataFrame:
    return pd.DataFrame(columns=TABLES[source.name].frame_names)


def _count(frame: Frame) -> int:
    return int(frame.select(nw.len().alias("rows")).collect("pyarrow").item(0, "rows"))


def _reasons(rejected: Frame) -> dict[str, int]:
    """How many rejected rows have which first reason, the most frequent first; the cells they quote are left out."""
    reason = without_quoted_cells(nw.col("reasons").list.get(0)).str.slice(0, 120)
    found = rejected.select(reason.alias("reason")).group_by("reason").agg(nw.len().alias("rows"))
    top = found.sort("rows", "reason", descending=[True, False]).head(3).collect("pyarrow").to_native().to_pylist()
    return {row["reason"]: row["rows"] for row in top}


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
        return Output(InPlace(build_features(validated, source.name)), "features")

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
            sample = take(drawn, names, max_rows=MAX_SCORE_ROWS, engine=engine)
            found = [described, correlate(sample, source), judge_normality(sample, source)]
            parts += [part for part in found if len(part)]
            samples[source] = (sample, found[1])
            engine.drop_staged()
        shown = context.resources.pictures.replace(
            context.partition_key, group=SHARED, step="statistics", draw=lambda: feature_figures(samples)
        )
        return Output(pd.concat(parts, ignore_index=True), "statistics", metadata=shown)

    return statistics


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


def segment_views_of(studies: Sequence[Study]) -> list[View]:
    """The views ``segments.<study>`` and ``segments.<study>_history``."""
    return [view for study in studies for view in _views(study)]


def _views(study: Study) -> tuple[View, View]:
    return segment_views(
        study.name,
        TABLES[study.source],
        scores=SCORES_TABLE if study.classification else None,
        has_segments=study.segmentation is not None,
    )
