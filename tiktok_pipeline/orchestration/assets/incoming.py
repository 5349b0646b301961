"""The asset ``incoming``: materialize it to ingest the files in the home's incoming folder."""

from collections.abc import Callable
from typing import Any

from dagster import (
    AssetExecutionContext,
    AssetsDefinition,
    MaterializeResult,
    MetadataValue,
    TableRecord,
    asset,
)

from tiktok_pipeline.home.lock import home_lock
from tiktok_pipeline.ingest.inbox import IngestResult, ingest_inbox
from tiktok_pipeline.orchestration.partitions import add_snapshots
from tiktok_pipeline.settings import Settings
from tiktok_pipeline.warehouse.base import Warehouse

INCOMING = "incoming"


def incoming_asset(settings: Settings, open_engine: Callable[[], Warehouse]) -> AssetsDefinition:
    """What was taken in, what was refused and why; ``open_engine`` gives an engine that reads files, without tables."""

    @asset(
        key=INCOMING,
        group_name="raw",
        kinds={"duckdb"},
        description=f"The inbox {settings.incoming}: materialise it to take in what lies there, each file by itself.",
    )
    def incoming(context: AssetExecutionContext) -> MaterializeResult[Any]:
        with (
            home_lock(settings.lock_file, timeout_seconds=settings.home_timeout_seconds, log=context.log.info),
            open_engine() as engine,
        ):
            found = ingest_inbox(settings, engine, log=context.log.info)
        add_snapshots(context.instance, found.snapshots)
        for one in found.refused:
            context.log.error(f"refused: {one.reason}")
        return MaterializeResult(metadata=_metadata(found))

    return incoming


def _metadata(found: IngestResult) -> dict[str, Any]:
    rows = [
        *({"file": one.file, "snapshot": one.snapshot, "outcome": one.outcome} for one in found.registered),
        *({"file": one.file, "snapshot": "", "outcome": f"refused: {one.reason}"} for one in found.refused),
        *({"file": name, "snapshot": "", "outcome": "still being written"} for name in found.waiting),
    ]
    if not rows:
        return {"files": "nothing lay in the folder"}
    return {"files": MetadataValue.table([TableRecord(row) for row in rows])}
