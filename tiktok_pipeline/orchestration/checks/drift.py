"""The check ``drift``: no feature moved since the snapshot before.

How drift is measured: `tiktok_pipeline.features.drift`.
"""

from collections.abc import Mapping, Sequence

from dagster import (
    AssetCheckExecutionContext,
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSeverity,
    MetadataValue,
    ResourceParam,
    TableRecord,
)

from tiktok_pipeline.features.catalog import feature_names
from tiktok_pipeline.features.drift import MAJOR, MODERATE, Drift, drift
from tiktok_pipeline.features.schema import TABLES
from tiktok_pipeline.orchestration.asset_keys import asset_key
from tiktok_pipeline.orchestration.checks.snapshot_check import checked_snapshot, snapshot_check
from tiktok_pipeline.orchestration.metadata import numbers
from tiktok_pipeline.warehouse.base import Warehouse

TIME_DEPENDENT = {"account_age_days"}
"""Features that grow from snapshot to snapshot, whatever the creators do."""


def drift_checks() -> list[AssetChecksDefinition]:
    """Return the check of each source's features."""
    return [_drift_check(source) for source in TABLES]


def _drift_check(source: str) -> AssetChecksDefinition:
    table = TABLES[source]
    features = [name for name in feature_names(source) if name not in TIME_DEPENDENT]

    @snapshot_check(
        asset=asset_key(f"features.{source}"),
        name="drift",
        description="No feature moved since the snapshot before: its population stability index is below "
        f"{MODERATE}. From {MAJOR} it is an error.",
    )
    def features_drift(context: AssetCheckExecutionContext, warehouse: ResourceParam[Warehouse]) -> AssetCheckResult:
        snapshot = checked_snapshot(context, warehouse)
        stored = {slice_.snapshot for slice_ in warehouse.slices() if slice_.table == str(table) and slice_.rows}
        earlier = max((key for key in stored if key < snapshot), default=None)
        if snapshot not in stored or earlier is None:
            before = {"before": "there is no earlier snapshot to compare with"}
            return AssetCheckResult(passed=True, metadata={**before, **_numbers({}, features)})
        drifts = drift(
            warehouse.read_slice(table, {"snapshot": earlier}),
            warehouse.read_slice(table, {"snapshot": snapshot}),
            features,
            warehouse,
        )
        warehouse.unpersist_all()
        return _result(drifts, earlier, features)

    return features_drift


def _numbers(measured: Mapping[str, float], features: Sequence[str]) -> dict[str, float | None]:
    by_feature = {f"psi_{name}": measured.get(name) for name in features}
    return numbers(worst_psi=max(measured.values(), default=None), **by_feature)


def _result(drifts: Sequence[Drift], earlier: str, features: Sequence[str]) -> AssetCheckResult:
    measured = {feature.feature: feature.psi for feature in drifts if feature.psi is not None}
    worst = max(measured.values(), default=0.0)
    drifted = [f"{name} {psi:.2f}" for name, psi in measured.items() if psi >= MODERATE]
    rows = [
        TableRecord(
            {"feature": feature.feature, "index": (feature.why_not or "") if feature.psi is None else feature.psi}
        )
        for feature in drifts
    ]
    return AssetCheckResult(
        passed=worst < MODERATE,
        severity=AssetCheckSeverity.ERROR if worst >= MAJOR else AssetCheckSeverity.WARN,
        metadata={
            "before": earlier,
            "drifted": ", ".join(drifted) or "none",
            "population_stability_index": MetadataValue.table(rows),
            **_numbers(measured, features),
        },
    )
