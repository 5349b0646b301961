"""The assets of stage ``validated``: the valid rows of each source, and the rejected rows of all sources."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from functools import partial
from typing import Any

import narwhals as nw
import pandas as pd
from dagster import AssetExecutionContext, AssetsDefinition, Output, ResourceParam, multi_asset

from tiktok_pipeline.frames import count_rows
from tiktok_pipeline.home.manifest import leave_out
from tiktok_pipeline.orchestration.metadata import Frame, numbers, table_in, table_out
from tiktok_pipeline.orchestration.partitions import SNAPSHOTS
from tiktok_pipeline.raw.schema import PROFILES, SOURCES, VIDEOS, Source
from tiktok_pipeline.settings import Settings
from tiktok_pipeline.validated.duplicates import is_harmless
from tiktok_pipeline.validated.formats.formats import Formats
from tiktok_pipeline.validated.schema import REJECTED_TABLE, TABLES, UNREAD_CELLS_TABLE
from tiktok_pipeline.validated.under_age import leave_out_under_age
from tiktok_pipeline.validated.validate import (
    MAX_REJECTED_SHARE,
    SnapshotRejectedError,
    ValidationResult,
    check_balance,
    validate_source,
    without_quoted_cells,
)
from tiktok_pipeline.validated.videos import (
    all_videos,
    count_unusable,
    latest_time,
    listed_videos,
    validate_videos,
)
from tiktok_pipeline.warehouse.base import Warehouse


def validated_assets(settings: Settings) -> AssetsDefinition:
    """Return the assets of stage ``validated``.

    The rejected rows are stored first, so that they are there to read if too many were rejected and the run stops.
    The files with most of these rows are then left out of the snapshot, so that they spoil no other file of it.
    """

    @multi_asset(
        name="validated",
        ins={"files": table_in("raw.files")} | {source.name: table_in(f"raw.{source.name}") for source in SOURCES},
        outs={"rejected": table_out("validated.rejected"), "unread_cells": table_out("validated.unread_cells")}
        | {f"valid_{source.name}": table_out(f"validated.{source.name}", is_required=False) for source in SOURCES},
        partitions_def=SNAPSHOTS,
        group_name="validated",
    )
    def validated(
        context: AssetExecutionContext, warehouse: ResourceParam[Warehouse], files: Frame, **raw: Frame
    ) -> Iterator[Output[Any]]:
        facts = _FileFacts.of(files)
        latest = latest_time(date.fromisoformat(context.partition_key[:10]))
        delivered_rows = {source.name: raw[source.name] for source in SOURCES if count_rows(raw[source.name])}
        marked = leave_out_under_age(delivered_rows, warehouse)
        results = {
            source.name: _validate(marked[source.name], source, facts, warehouse, latest)
            for source in SOURCES
            if source.name in marked
        }
        counts = {
            name: {
                "raw": count_rows(raw[name]),
                "validated": count_rows(result.valid),
                "rejected": count_rows(result.rejected),
                "harmless": count_rows(result.rejected.filter(is_harmless())),
            }
            for name, result in results.items()
        }
        yield Output(_all_rejected(results, warehouse), "rejected", metadata=_rejected_shares(counts))
        yield Output(_all_unread_cells(results), "unread_cells")
        for name, result in results.items():
            worst = _frequent_reasons(result.rejected.filter(~is_harmless()))
            try:
                check_balance(
                    counts[name],
                    snapshot=context.partition_key,
                    source=name,
                    worst=worst,
                    find_worst_file=partial(_worst_file, raw[name], result.rejected),
                )
            except SnapshotRejectedError:
                leave_out(settings.raw / context.partition_key, _mostly_bad_files(raw[name], result.rejected))
                raise
        for source in SOURCES:
            if source is not VIDEOS:
                valid = results[source.name].valid if source.name in results else _no_rows(source)
                yield Output(valid, f"valid_{source.name}")
        # The profiles are stored by now: their videos are joined to stored rows, not to a query that validates again.
        profiles = warehouse.read_slice(TABLES[PROFILES.name], {"snapshot": context.partition_key})
        delivered = results[VIDEOS.name].valid if VIDEOS.name in results else None
        yield _videos(raw[PROFILES.name], profiles, delivered, warehouse, latest)
        warehouse.unpersist_all()

    return validated


@dataclass(frozen=True)
class _FileFacts:
    """How the files of a snapshot are read: their formats and canonical columns by name."""

    formats: Mapping[str, Formats]
    columns: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, files: Frame) -> "_FileFacts":
        rows = files.select("file", "columns", "formats").collect("pyarrow").to_native().to_pylist()
        formats = {row["file"]: Formats.from_dict(json.loads(row["formats"] or "{}")) for row in rows}
        return cls(
            formats={file: entry for file, entry in formats.items() if not entry.is_canonical},
            columns={row["file"]: tuple(json.loads(row["columns"])) for row in rows if row["columns"]},
        )


def _validate(
    rows: Frame, source: Source, facts: _FileFacts, engine: Warehouse, latest: datetime
) -> ValidationResult:
    if source is VIDEOS:
        return validate_videos(rows, engine, latest=latest)
    return validate_source(rows, source, engine, formats=facts.formats, columns=facts.columns)


def _videos(
    raw_profiles: Frame, profiles: Frame, delivered: Frame | None, engine: Warehouse, latest: datetime
) -> Output[Any]:
    """Return the delivered videos and those that the profiles list, with the listed ones that cannot be used."""
    unusable = count_unusable(raw_profiles, profiles, engine, latest=latest)
    videos = all_videos(delivered, listed_videos(raw_profiles, profiles, engine, latest=latest))
    metadata = {f"listed_videos_{reason}": count for reason, count in asdict(unusable).items()}
    return Output(videos, f"valid_{VIDEOS.name}", metadata=numbers(**metadata))


def _all_rejected(results: Mapping[str, ValidationResult], engine: Warehouse) -> Frame | pd.DataFrame:
    if not results:
        return pd.DataFrame(columns=REJECTED_TABLE.frame_names)
    return engine.persist(nw.concat([result.rejected for result in results.values()], how="vertical"))


def _all_unread_cells(results: Mapping[str, ValidationResult]) -> pd.DataFrame:
    counts = [result.unread_cells for result in results.values() if result.unread_cells is not None]
    counted = [table for table in counts if len(table)]
    return pd.concat(counted, ignore_index=True) if counted else pd.DataFrame(columns=UNREAD_CELLS_TABLE.frame_names)


def _rejected_shares(counts: Mapping[str, Mapping[str, int]]) -> dict[str, float | None]:
    """Return the share of bad rows of each source, without superseded ones, and the largest of them."""
    shares = {
        source: (rows["rejected"] - rows["harmless"]) / (rows["raw"] - rows["harmless"])
        for source, rows in counts.items()
        if rows["raw"] > rows["harmless"]
    }
    by_source = {f"rejected_share_{source.name}": shares.get(source.name) for source in SOURCES}
    return numbers(rejected_share=max(shares.values(), default=None), **by_source)


def _no_rows(source: Source) -> pd.DataFrame:
    return pd.DataFrame(columns=TABLES[source.name].frame_names)


def _worst_file(raw: Frame, rejected: Frame) -> tuple[str, int, int]:
    """Return the file with the most bad rows, their number, and the number of its rows."""
    bad = rejected.filter(~is_harmless()).group_by("source_file").agg(nw.len().alias("rows"))
    (worst,) = bad.sort("rows", "source_file", descending=[True, False]).head(1).collect("pyarrow").rows(named=True)
    return worst["source_file"], worst["rows"], count_rows(raw.filter(nw.col("source_file") == worst["source_file"]))


def _mostly_bad_files(raw: Frame, rejected: Frame) -> dict[str, str]:
    """Return the files of which more rows are bad than a snapshot may have, each with the reason to leave it out."""
    rows = raw.group_by("source_file").agg(nw.len().alias("rows"))
    is_bad = ~is_harmless()
    counted = rejected.with_columns(is_bad.cast(nw.Int64).alias("bad"), (~is_bad).cast(nw.Int64).alias("harmless"))
    of_rejected = counted.group_by("source_file").agg(nw.col("bad", "harmless").sum())
    found = rows.join(of_rejected, on="source_file", how="inner")
    counts = found.select("source_file", *(nw.col(name).cast(nw.Int64) for name in ("rows", "bad", "harmless")))
    return {
        row["source_file"]: f"{row['bad']} of its {row['rows']} rows are rejected"
        for row in counts.collect("pyarrow").to_native().to_pylist()
        if row["bad"] > MAX_REJECTED_SHARE * (row["rows"] - row["harmless"])
    }


def _frequent_reasons(rejected: Frame) -> dict[str, int]:
    """Return the three most frequent first reasons with their rows, without the cells that they quote."""
    reason = without_quoted_cells(nw.col("reasons").list.get(0)).str.slice(0, 120)
    counted = rejected.select(reason.alias("reason")).group_by("reason").agg(nw.len().alias("rows"))
    top = counted.sort("rows", "reason", descending=[True, False]).head(3).collect("pyarrow").to_native().to_pylist()
    return {row["reason"]: row["rows"] for row in top}
