"""One blocking check per table: every stored row keeps the table's contract."""

from typing import Any

import narwhals as nw
from dagster import (
    AssetCheckExecutionContext,
    AssetCheckResult,
    AssetChecksDefinition,
    AssetKey,
    asset_check,
)

from tiktok_pipeline.orchestration.asset_keys import table_of
from tiktok_pipeline.orchestration.checks.slices import checked_slice
from tiktok_pipeline.warehouse.contract import rules


def contract_check(key: AssetKey) -> AssetChecksDefinition:
    """The check that every stored row of a table keeps the table's contract; what comes after waits for it."""
    table = table_of(key)

    @asset_check(
        asset=key,
        name="contract",
        blocking=True,
        required_resource_keys={"warehouse"},
        description=f"Every row of {table.spec} keeps its contract (types, ranges, no missing key).",
    )
    def contract(context: AssetCheckExecutionContext) -> AssetCheckResult:
        broken = broken_rules(checked_slice(context, key), key)
        return AssetCheckResult(passed=not broken, metadata={"rows_by_broken_rule": broken})

    return contract


def broken_rules(frame: nw.LazyFrame[Any], key: AssetKey) -> dict[str, int]:
    """How many rows break which rule of the table's contract; empty where none does."""
    checked = rules(table_of(key).schema)
    if not checked:
        return {}
    counts = [(~rule.holds).cast(nw.Int64).sum().alias(f"rule_{place}") for place, rule in enumerate(checked)]
    found = frame.select(*counts).collect("pyarrow").to_native().to_pylist()[0]
    return {rule.reason: int(found[f"rule_{place}"]) for place, rule in enumerate(checked) if found[f"rule_{place}"]}
