"""The asset ``incoming``: materialise it, and what lies in the home's incoming folder becomes snapshots."""

from collections.abc import Callable
from typing import Any

from dagster import (
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSeverity,
    AssetExecutionContext,
    AssetsDefinition,
    MaterializeResult,
    MetadataValue,
    TableRecord,
    asset,
    asset_check,
)

from tiktok_pipeline.orchestration.home_lock import home_lock
from tiktok_pipeline.orchestration.incoming import TakenIn, refused_files, take_in
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
        with home_lock(settings.lock_file, timeout_seconds=settings.home_timeout_seconds, say=context.log.info):
            engine = open_engine()
            try:
                found = take_in(settings, engine, say=context.log.info)
            finally:
                engine.close()
        add_snapshots(context.instance, found.snapshots)
        for one in found.refused:
            context.log.error(f"refused: {one.why}")
        return MaterializeResult(metadata=_metadata(found))

    return incoming


def incoming_check(settings: Settings) -> AssetChecksDefinition:
    """The check that fails while files lie in ``incoming/refused/``, and says why each does."""

    @asset_check(
        asset=INCOMING,
        name="readable",
        description="No file lies in incoming/refused/: each could be read, or was seen to.",
    )
    def readable() -> AssetCheckResult:
        refused = refused_files(settings.refused)
        if not refused:
            return AssetCheckResult(passed=True, metadata={"refused": "none"})
        table = MetadataValue.table([TableRecord({"file": one.file, "why": one.why}) for one in refused])
        advice = (
            f"see {settings.refused}: put the file right, drop it into {settings.incoming} again, delete it there"
        )
        return AssetCheckResult(
            passed=False,
            severity=AssetCheckSeverity.ERROR,
            metadata={"refused": table, "what_to_do": advice},
        )

    return readable


def _metadata(found: TakenIn) -> dict[str, Any]:
    rows = [
        *({"file": one.file, "snapshot": one.snapshot, "outcome": one.outcome} for one in found.registered),
        *({"file": one.file, "snapshot": "", "outcome": f"refused: {one.why}"} for one in found.refused),
        *({"file": name, "snapshot": "", "outcome": "still being written"} for name in found.waiting),
    ]
    if not rows:
        return {"files": "nothing lay in the folder"}
    return {"files": MetadataValue.table([TableRecord(row) for row in rows])}
