"""The check ``drift``: no feature moved since the snapshot before.

How drift is measured: `tiktok_pipeline.features.drift`.
"""

from collections.abc import Mapping

import pandas as pd
from dagster import (
    AssetCheckExecutionContext,
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSeverity,
    MetadataValue,
    ResourceParam,
    TableRecord,
)

from tiktok_pipeline.features.drift import MAJOR, MODERATE, drift_features
from tiktok_pipeline.features.schema import TABLES
from tiktok_pipeline.frames import to_pandas
from tiktok_pipeline.orchestration.asset_keys import asset_key
from tiktok_pipeline.orchestration.checks.snapshot_check import checked_slice, snapshot_check
from tiktok_pipeline.orchestration.metadata import numbers
from tiktok_pipeline.warehouse.base import Warehouse

_MEASURED = [name for source in TABLES for name in drift_features(source)]


def drift_check() -> AssetChecksDefinition:
    """Return the check of the drift of all features."""
    key = asset_key("features.drift")

    @snapshot_check(
        asset=key,
        name="drift",
        description="No feature moved since the snapshot before: its population stability index is below "
        f"{MODERATE}. From {MAJOR} it is an error.",
    )
    def features_drift(context: AssetCheckExecutionContext, warehouse: ResourceParam[Warehouse]) -> AssetCheckResult:
        rows = to_pandas(checked_slice(context, warehouse, key))
        if rows.empty:
            before = {"before": "there is no earlier snapshot to compare with"}
            return AssetCheckResult(passed=True, metadata={**before, **_numbers({})})
        return _result(rows)

    return features_drift


def _numbers(measured: Mapping[str, float]) -> dict[str, float | None]:
    by_feature = {f"psi_{name}": measured.get(name) for name in _MEASURED}
    return numbers(worst_psi=max(measured.values(), default=None), **by_feature)


def _result(rows: pd.DataFrame) -> AssetCheckResult:
    drifts = rows.sort_values(["source", "feature"]).to_dict("records")
    measured = {str(drift["feature"]): float(drift["psi"]) for drift in drifts if not pd.isna(drift["psi"])}
    worst = max(measured.values(), default=0.0)
    drifted = [f"{name} {psi:.2f}" for name, psi in measured.items() if psi >= MODERATE]
    table = [
        TableRecord({"feature": drift["feature"], "index": measured.get(drift["feature"], drift["why_not"] or "")})
        for drift in drifts
    ]
    return AssetCheckResult(
        passed=worst < MODERATE,
        severity=AssetCheckSeverity.ERROR if worst >= MAJOR else AssetCheckSeverity.WARN,
        metadata={
            "before": ", ".join(sorted(set(rows["previous_snapshot"]))),
            "drifted": ", ".join(drifted) or "none",
            "population_stability_index": MetadataValue.table(table),
            **_numbers(measured),
        },
    )
