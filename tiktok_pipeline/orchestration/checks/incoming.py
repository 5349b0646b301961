"""The check of the asset ``incoming``: no file was refused."""

from dagster import (
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSeverity,
    MetadataValue,
    TableRecord,
    asset_check,
)

from tiktok_pipeline.ingest.inbox import refused_files
from tiktok_pipeline.orchestration.assets.incoming import INCOMING
from tiktok_pipeline.settings import Settings


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
        table = MetadataValue.table([TableRecord({"file": one.file, "why": one.reason}) for one in refused])
        advice = (
            f"see {settings.refused}: put the file right, drop it into {settings.incoming} again, delete it there"
        )
        return AssetCheckResult(
            passed=False,
            severity=AssetCheckSeverity.ERROR,
            metadata={"refused": table, "what_to_do": advice},
        )

    return readable
