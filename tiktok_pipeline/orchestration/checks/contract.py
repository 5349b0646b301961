"""The check ``contract`` of every table: each stored row keeps the table's contract."""

from typing import Any

import narwhals as nw
from dagster import AssetCheckExecutionContext, AssetCheckResult, AssetChecksDefinition, AssetKey, ResourceParam

from tiktok_pipeline.orchestration.asset_keys import table_of
from tiktok_pipeline.orchestration.checks.snapshot_check import checked_slice, snapshot_check
from tiktok_pipeline.warehouse.base import Warehouse
from tiktok_pipeline.warehouse.contract import rules

CONTRACT = "contract"


def contract_check(key: AssetKey) -> AssetChecksDefinition:
    """Return the blocking check of a table: if it fails, no downstream asset is materialized."""

    @snapshot_check(
        asset=key,
        name=CONTRACT,
        blocking=True,
        description=f"Every row of {table_of(key).spec} keeps its contract: types, ranges, no missing key.",
    )
    def contract(context: AssetCheckExecutionContext, warehouse: ResourceParam[Warehouse]) -> AssetCheckResult:
        broken = broken_rules(checked_slice(context, warehouse, key), key)
        return AssetCheckResult(
            passed=not broken, metadata={"rows_by_broken_rule": broken, "broken_rules": len(broken)}
        )

    return contract


def broken_rules(frame: nw.LazyFrame[Any], key: AssetKey) -> dict[str, int]:
    """Return how many rows break each rule of the table's contract; rules that no row breaks are left out."""
    checked = rules(table_of(key).schema)
    if not checked:
        return {}
    counts = [(~rule.holds).cast(nw.Int64).sum().alias(f"rule_{number}") for number, rule in enumerate(checked)]
    row = frame.select(*counts).collect("pyarrow").to_native().to_pylist()[0]
    return {rule.reason: int(row[f"rule_{number}"]) for number, rule in enumerate(checked) if row[f"rule_{number}"]}
