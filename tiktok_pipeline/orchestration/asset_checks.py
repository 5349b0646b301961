"""One blocking check for each table, from its contract; warnings where rates do not add up, a study fails or leaks.

The rules are evaluated inside the engine on the stored slice: what is checked is what readers will see.
"""

from typing import Any

import narwhals as nw
from dagster import (
    AssetCheckExecutionContext,
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSeverity,
    AssetKey,
    asset_check,
)

from tiktok_pipeline.orchestration.io_manager import slice_of
from tiktok_pipeline.orchestration.partitions import known_snapshots
from tiktok_pipeline.orchestration.tables import TABLES, table_of
from tiktok_pipeline.study import Study
from tiktok_pipeline.validated.judge import inconsistent_rates
from tiktok_pipeline.warehouse.base import Warehouse
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


def rates_check() -> AssetChecksDefinition:
    """The warning that the average rate is likes plus comments in every validated profile."""
    key = TABLES["validated.profiles"].key()

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


def study_checks(study: Study) -> list[AssetChecksDefinition]:
    """The warnings of a study: whether it could be done on the snapshot, and whether its published inputs leak."""
    checks = []
    if study.segmentation is not None:
        checks.append(_could_be_done(TABLES["clusters.fits"].key(study.name), "note", None))
    if study.classification is not None:
        checks.append(_could_be_done(TABLES["classifiers.cards"].key(study.name), "value", ("why_empty", "missing")))
        checks.append(_leakage(TABLES["classifiers.leakage"].key(study.name)))
    return checks


def _could_be_done(key: AssetKey, column: str, items: tuple[str, ...] | None) -> AssetChecksDefinition:
    """Warn where a part of a study is missing; ``column`` holds the reason, in the rows with one of ``items``."""

    @asset_check(
        asset=key,
        name="could_be_done",
        required_resource_keys={"warehouse"},
        description="Every part of the study could be computed from this snapshot.",
    )
    def could_be_done(context: AssetCheckExecutionContext) -> AssetCheckResult:
        rows = checked_slice(context, key)
        rows = rows.filter(nw.col("item").is_in(items)) if items else rows.filter(~nw.col(column).is_null())
        reasons = rows.select(column).unique().sort(column).collect("pyarrow")[column].to_list()
        return AssetCheckResult(
            passed=not reasons, severity=AssetCheckSeverity.WARN, metadata={"why": "; ".join(reasons)}
        )

    return could_be_done


def _leakage(key: AssetKey) -> AssetChecksDefinition:
    @asset_check(
        asset=key,
        name="no_leakage",
        required_resource_keys={"warehouse"},
        description="No input of the published model gives its label away.",
    )
    def no_leakage(context: AssetCheckExecutionContext) -> AssetCheckResult:
        leaks = checked_slice(context, key).filter((nw.col("kind") == "leak") & nw.col("is_published"))
        found = leaks.filter(nw.col("other_feature") == "").select("feature", "verdict").sort("feature")
        verdicts = {row["feature"]: row["verdict"] for row in found.collect("pyarrow").to_native().to_pylist()}
        return AssetCheckResult(passed=not verdicts, severity=AssetCheckSeverity.WARN, metadata={"leaks": verdicts})

    return no_leakage


def checked_slice(context: AssetCheckExecutionContext, key: AssetKey) -> nw.LazyFrame[Any]:
    """The slice that a check looks at."""
    warehouse: Warehouse = context.resources.warehouse
    table = table_of(key)
    return warehouse.read_slice(table.spec, slice_of(table, key, snapshot_of(context)))


def snapshot_of(context: AssetCheckExecutionContext) -> str:
    """The snapshot of the run; a check that is started alone looks at the newest one."""
    run = context.op_execution_context
    if run.has_partition_key:
        return run.partition_key
    known = known_snapshots(context.instance)
    if not known:
        msg = "there is no snapshot to check yet; materialise one first"
        raise ValueError(msg)
    return known[-1]
