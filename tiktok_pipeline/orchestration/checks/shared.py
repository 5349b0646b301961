"""The checks of what all studies share: rows in balance, share of rejected rows, drift of features, age of the newest snapshot.

Only the balance stops a run; the others tell the person who looks.
"""

from datetime import UTC, datetime
from typing import Any

import narwhals as nw
from dagster import (
    AssetCheckExecutionContext,
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSeverity,
    AssetKey,
    MetadataValue,
    TableRecord,
    asset_check,
)

from tiktok_pipeline.features.catalogue import feature_names
from tiktok_pipeline.features.drift import MAJOR, MODERATE, drift
from tiktok_pipeline.orchestration.asset_keys import asset_key
from tiktok_pipeline.orchestration.automation.conditions import every_morning
from tiktok_pipeline.orchestration.checks.slices import checked_slice, snapshot_of
from tiktok_pipeline.orchestration.partitions import known_snapshots
from tiktok_pipeline.raw.schema import SOURCES
from tiktok_pipeline.settings import Settings
from tiktok_pipeline.tables import TABLES
from tiktok_pipeline.validated.validate import inconsistent_rates
from tiktok_pipeline.warehouse.base import Warehouse

REJECTED_WARNING, REJECTED_ERROR = 0.05, 0.2
"""Share of rejected rows of a source from which on the check warns, and fails; above a half the run itself stops."""

MOVES_WITH_TIME = {"account_age_days"}
"""Features that differ from snapshot to snapshot by what they are."""


def shared_checks(settings: Settings) -> list[AssetChecksDefinition]:
    """All checks of this file."""
    return [
        _row_balance(),
        _rejected_share(),
        *(_drift(source.name) for source in SOURCES),
        _newest_snapshot(settings),
    ]


def _counts(context: AssetCheckExecutionContext) -> dict[str, dict[str, int]]:
    """The rows of each source that the snapshot has: raw, validated, rejected."""
    rejected = checked_slice(context, asset_key("validated.rejected"))
    found = {}
    for source in SOURCES:
        counts = {
            "raw": _rows(checked_slice(context, asset_key(f"raw.{source.name}"))),
            "validated": _rows(checked_slice(context, asset_key(f"validated.{source.name}"))),
            "rejected": _rows(rejected.filter(nw.col("source") == source.name)),
        }
        if any(counts.values()):
            found[source.name] = counts
    return found


def _rows(frame: nw.LazyFrame[Any]) -> int:
    return int(frame.select(nw.len().alias("rows")).collect("pyarrow").item(0, "rows"))


def _row_balance() -> AssetChecksDefinition:
    key = asset_key("validated.rejected")

    @asset_check(
        asset=key,
        name="row_balance",
        blocking=True,
        additional_deps=[asset_key(f"{stage}.{one.name}") for stage in ("raw", "validated") for one in SOURCES],
        required_resource_keys={"warehouse"},
        description="rows(raw) = rows(validated) + rows(rejected), of every source, as stored.",
    )
    def row_balance(context: AssetCheckExecutionContext) -> AssetCheckResult:
        counts = _counts(context)
        wrong = [name for name, one in counts.items() if one["raw"] != one["validated"] + one["rejected"]]
        return AssetCheckResult(passed=not wrong, metadata={"counts": counts, "out_of_balance": wrong})

    return row_balance


def _rejected_share() -> AssetChecksDefinition:
    @asset_check(
        asset=asset_key("validated.rejected"),
        name="rejected_share",
        additional_deps=[asset_key(f"raw.{one.name}") for one in SOURCES],
        required_resource_keys={"warehouse"},
        description=f"Fewer than {REJECTED_WARNING:.0%} of the rows of each source are rejected (from {REJECTED_ERROR:.0%}: an error).",
    )
    def rejected_share(context: AssetCheckExecutionContext) -> AssetCheckResult:
        shares = {name: one["rejected"] / one["raw"] for name, one in _counts(context).items() if one["raw"]}
        worst = max(shares.values(), default=0.0)
        return AssetCheckResult(
            passed=worst < REJECTED_WARNING,
            severity=AssetCheckSeverity.ERROR if worst >= REJECTED_ERROR else AssetCheckSeverity.WARN,
            metadata={"rejected": ", ".join(f"{share:.1%} of {name}" for name, share in shares.items()) or "no rows"},
        )

    return rejected_share


def _drift(source: str) -> AssetChecksDefinition:
    key = asset_key(f"features.{source}")

    @asset_check(
        asset=key,
        name="drift",
        required_resource_keys={"warehouse"},
        description=f"No feature moved since the snapshot before (population stability index below {MODERATE}; from {MAJOR}: an error).",
    )
    def features_drift(context: AssetCheckExecutionContext) -> AssetCheckResult:
        warehouse: Warehouse = context.resources.warehouse
        table, snapshot = TABLES[f"features.{source}"].spec, snapshot_of(context)
        stored = {one.snapshot for one in warehouse.slices() if one.table == str(table) and one.rows}
        earlier = max((one for one in stored if one < snapshot), default=None)
        if snapshot not in stored or earlier is None:
            return AssetCheckResult(passed=True, metadata={"before": "there is no earlier snapshot to compare with"})
        found = drift(
            warehouse.read_slice(table, {"snapshot": earlier}),
            warehouse.read_slice(table, {"snapshot": snapshot}),
            [name for name in feature_names(source) if name not in MOVES_WITH_TIME],
            warehouse,
        )
        warehouse.unpersist_all()
        worst = max((one.psi for one in found if one.psi is not None), default=0.0)
        drifted = [f"{one.feature} {one.psi:.2f}" for one in found if one.psi is not None and one.psi >= MODERATE]
        rows = [
            TableRecord({"feature": one.feature, "index": one.psi if one.psi is not None else (one.why_not or "")})
            for one in found
        ]
        return AssetCheckResult(
            passed=worst < MODERATE,
            severity=AssetCheckSeverity.ERROR if worst >= MAJOR else AssetCheckSeverity.WARN,
            metadata={
                "before": earlier,
                "drifted": ", ".join(drifted) or "none",
                "population_stability_index": MetadataValue.table(rows),
            },
        )

    return features_drift


def _newest_snapshot(settings: Settings) -> AssetChecksDefinition:
    @asset_check(
        asset=AssetKey("published"),
        name="newest_snapshot",
        automation_condition=every_morning(),
        description=f"The newest snapshot is at most {settings.freshness_days:g} days old.",
    )
    def newest_snapshot(context: AssetCheckExecutionContext) -> AssetCheckResult:
        known = known_snapshots(context.instance)
        if not known:
            return AssetCheckResult(passed=False, severity=AssetCheckSeverity.WARN, metadata={"newest": "none yet"})
        newest = datetime.fromisoformat(known[-1][:10]).replace(tzinfo=UTC)
        days = (datetime.now(tz=UTC) - newest).days
        return AssetCheckResult(
            passed=days <= settings.freshness_days,
            severity=AssetCheckSeverity.WARN,
            metadata={"newest": f"{known[-1]}, {days} days old"},
        )

    return newest_snapshot


def rates_check() -> AssetChecksDefinition:
    """The warning that the average rate is likes plus comments in every validated profile."""
    key = asset_key("validated.profiles")

    @asset_check(
        asset=key,
        name="rates_add_up",
        required_resource_keys={"warehouse"},
        description="avg_engagement_rate = comment_engagement_rate + like_engagement_rate, to 1e-6.",
    )
    def rates_add_up(context: AssetCheckExecutionContext) -> AssetCheckResult:
        rows = (
            inconsistent_rates(checked_slice(context, key))
            .select(nw.len().alias("rows"))
            .collect("pyarrow")
            .item(0, "rows")
        )
        return AssetCheckResult(passed=not rows, severity=AssetCheckSeverity.WARN, metadata={"rows": int(rows)})

    return rates_add_up
