"""The check of the asset ``incoming``: no file was refused."""

from dagster import (
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSeverity,
    MetadataValue,
    TableRecord,
    asset_check,
)

from tiktok_pipeline.ingest.refused import refused_files
from tiktok_pipeline.orchestration.assets.incoming import INCOMING
from tiktok_pipeline.settings import Settings


def incoming_check(settings: Settings) -> AssetChecksDefinition:
    """Return the check that fails while a file is in ``incoming/refused/``, and gives each file's reason."""

    @asset_check(
        asset=INCOMING,
        name="readable",
        description="incoming/refused/ is empty: every delivered file was read, or a person dealt with it.",
    )
    def readable() -> AssetCheckResult:
        refused = refused_files(settings.refused)
        if not refused:
            return AssetCheckResult(passed=True, metadata={"refused": "none", "refused_files": 0})
        table = MetadataValue.table([TableRecord({"file": file.file, "why": file.reason}) for file in refused])
        remedy = f"in {settings.refused}: correct each file and move it to {settings.incoming}, or delete it"
        return AssetCheckResult(
            passed=False,
            severity=AssetCheckSeverity.ERROR,
            metadata={"refused": table, "what_to_do": remedy, "refused_files": len(refused)},
        )

    return readable
