"""The check ``newest_snapshot`` of the published file: it depends on the day, not on new data."""

from datetime import UTC, datetime

from dagster import (
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSeverity,
    AssetKey,
    asset_check,
)

from tiktok_pipeline.home.manifest import snapshots_on_disk
from tiktok_pipeline.orchestration.automation.conditions import every_morning
from tiktok_pipeline.settings import Settings


def freshness_check(settings: Settings) -> AssetChecksDefinition:
    """Return the check that warns if the newest snapshot is older than ``settings.freshness_days``."""

    @asset_check(
        asset=AssetKey("published"),
        name="newest_snapshot",
        automation_condition=every_morning(),
        description=f"The newest snapshot is at most {settings.freshness_days:g} days old.",
    )
    def newest_snapshot() -> AssetCheckResult:
        stored = snapshots_on_disk(settings.raw)
        if not stored:
            nothing = {"newest": "none yet", "age_days": None}
            return AssetCheckResult(passed=False, severity=AssetCheckSeverity.WARN, metadata=nothing)
        newest = datetime.fromisoformat(stored[-1][:10]).replace(tzinfo=UTC)
        days = (datetime.now(tz=UTC) - newest).days
        age = f"{days} days old" if days >= -1 else "in the future: check the clock of this machine"
        return AssetCheckResult(
            passed=-1 <= days <= settings.freshness_days,
            severity=AssetCheckSeverity.WARN,
            metadata={"newest": f"{stored[-1]}, {age}", "age_days": days},
        )

    return newest_snapshot
