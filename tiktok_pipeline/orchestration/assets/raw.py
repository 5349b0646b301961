"""The assets of stage ``raw``: the manifest of a snapshot, and the raw rows of each source."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd
from dagster import AssetExecutionContext, AssetsDefinition, Output, ResourceParam, multi_asset

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.home.manifest import StoredFile, files_in_use, read_manifest
from tiktok_pipeline.ingest.disk_space import check_disk_space
from tiktok_pipeline.ingest.snapshot_rows import check_stored_files, is_external, raw_rows
from tiktok_pipeline.orchestration.metadata import table_out
from tiktok_pipeline.orchestration.partitions import SNAPSHOTS
from tiktok_pipeline.orchestration.resources.io_manager import ExternalRows
from tiktok_pipeline.raw.schema import FILES, SOURCES
from tiktok_pipeline.raw.snapshots import is_snapshot_key
from tiktok_pipeline.safe_text import one_line, visible_name
from tiktok_pipeline.settings import Settings
from tiktok_pipeline.warehouse.base import Warehouse


class UnknownSnapshotError(PipelineError):
    """The snapshot has no delivered file."""

    code = "unknown_snapshot"


def raw_assets(settings: Settings) -> AssetsDefinition:
    """Return the assets of ``raw.files`` and of the raw rows of each source."""

    @multi_asset(
        name="raw",
        outs={"files": table_out("raw.files")} | {source.name: table_out(f"raw.{source.name}") for source in SOURCES},
        partitions_def=SNAPSHOTS,
        group_name="raw",
    )
    def raw(context: AssetExecutionContext, warehouse: ResourceParam[Warehouse]) -> Iterator[Output[Any]]:
        snapshot = context.partition_key
        if not is_snapshot_key(snapshot):  # a partition that was added by hand
            raise UnknownSnapshotError(
                f"partition {one_line(snapshot)!r} is not a snapshot: expected a date such as 2024-01-31",
                remedy="remove it: `tiktok-pipeline doctor --fix`",
            )
        folder = settings.raw / snapshot
        manifest = files_in_use(read_manifest(folder))
        if not manifest:
            raise UnknownSnapshotError(
                f"snapshot {snapshot}: {folder} has no delivered file",
                remedy=f"run `tiktok-pipeline refresh FILE --snapshot {snapshot}`",
            )
        check_disk_space(settings, snapshot, manifest)
        check_stored_files(folder, manifest)
        yield Output(_files_frame(manifest), "files")
        for source in SOURCES:
            rows = raw_rows(folder, source, warehouse)
            if rows is None:
                yield Output(pd.DataFrame(columns=source.table.frame_names), source.name)
            else:
                yield Output(ExternalRows(rows) if is_external(manifest, source) else rows, source.name)

    return raw


def _files_frame(manifest: Sequence[StoredFile]) -> pd.DataFrame:
    """Return the rows of ``raw.files``; what an older manifest does not say is NULL."""
    entries = [
        vars(entry) | {"delivered_name": visible_name(entry.delivered_name), "member": visible_name(entry.member)}
        for entry in manifest
    ]
    files = pd.DataFrame(entries)[FILES.frame_names]
    texts = ["delivered_name", "container", "compression", "member", "encoding", "delimiter"]
    is_known = files["container"] != ""
    return files.assign(
        ingested_at=pd.to_datetime(files["ingested_at"]),
        notes=files["notes"].map(list),
        **{name: files[name].where(is_known) for name in texts},
        **{
            name: files[name].map(lambda value: json.dumps(value) if value else None)
            for name in ("columns", "formats")
        },
    )
