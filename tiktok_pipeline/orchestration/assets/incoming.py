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
from tiktok_pipeline.ingest.refused import RefusedFolderError
from tiktok_pipeline.orchestration.partitions import add_snapshots
from tiktok_pipeline.safe_text import visible_name
from tiktok_pipeline.settings import Settings
from tiktok_pipeline.upkeep.record_checksums import record_checksums
from tiktok_pipeline.warehouse.base import Warehouse

INCOMING = "incoming"


def incoming_asset(settings: Settings, open_engine: Callable[[], Warehouse]) -> AssetsDefinition:
    """Return the asset of the inbox.

    Parameters
    ----------
    settings : Settings
        The home.
    open_engine : callable
        Return an engine that reads files and stores nothing.
    """

    @asset(
        key=INCOMING,
        group_name="raw",
        kinds={"duckdb"},
        description=f"The inbox {settings.incoming}. Materialize it to ingest its files. "
        "A bad file does not stop the others.",
    )
    def incoming(context: AssetExecutionContext) -> MaterializeResult[Any]:
        with (
            home_lock(settings.lock_file, timeout_seconds=settings.home_timeout_seconds, log=context.log.info),
            open_engine() as engine,
        ):
            record_checksums(settings.dagster_home)
            result = ingest_inbox(settings, engine, log=context.log.info)
        add_snapshots(context.instance, result.snapshots)
        for file in result.refused:
            context.log.error(f"refused: {file.reason}")
        if stuck := [file.reason for file in result.refused if not file.is_moved]:
            raise RefusedFolderError(stuck[0])  # a failed run: the sensor pauses before it tries them again
        return MaterializeResult(metadata=_metadata(result))

    return incoming


def _metadata(result: IngestResult) -> dict[str, Any]:
    counts = {"registered": len(result.registered), "refused": len(result.refused), "waiting": len(result.waiting)}
    rows = [
        *({"file": entry.file, "snapshot": entry.snapshot, "outcome": entry.outcome} for entry in result.registered),
        *({"file": file.file, "snapshot": "", "outcome": f"refused: {file.reason}"} for file in result.refused),
        *({"file": visible_name(name), "snapshot": "", "outcome": "still being written"} for name in result.waiting),
    ]
    if not rows:
        return {"files": "the folder is empty", **counts}
    return {"files": MetadataValue.table([TableRecord(row) for row in rows]), **counts}
