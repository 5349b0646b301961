"""The checks of rows: rows balance, few are rejected, every cell can be read, rates add up."""

import narwhals as nw
from dagster import (
    AssetCheckExecutionContext,
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSeverity,
    ResourceParam,
)

from tiktok_pipeline.frames import count_rows
from tiktok_pipeline.orchestration.asset_keys import asset_key
from tiktok_pipeline.orchestration.checks.snapshot_check import checked_slice, snapshot_check
from tiktok_pipeline.orchestration.metadata import numbers
from tiktok_pipeline.raw.schema import SOURCES, VIDEOS
from tiktok_pipeline.validated.duplicates import is_harmless
from tiktok_pipeline.validated.validate import inconsistent_rates
from tiktok_pipeline.validated.videos import DELIVERED
from tiktok_pipeline.warehouse.base import Warehouse

REJECTED_WARNING, REJECTED_ERROR = 0.05, 0.2
"""Share of rejected rows of a source from which the check warns, and from which it is an error. See also
`tiktok_pipeline.validated.validate.MAX_REJECTED_SHARE`, above which the run stops."""


def row_checks() -> list[AssetChecksDefinition]:
    """Return the checks of this file."""
    return [_row_balance(), _rejected_share(), _cells_not_readable(), _rates_add_up()]


def _counts(context: AssetCheckExecutionContext, warehouse: Warehouse) -> dict[str, dict[str, int]]:
    """Return the raw, validated, rejected and superseded rows of each source that the snapshot has."""
    rejected = checked_slice(context, warehouse, asset_key("validated.rejected"))
    counts = {}
    for source in SOURCES:
        raw = checked_slice(context, warehouse, asset_key(f"raw.{source.name}"))
        validated = checked_slice(context, warehouse, asset_key(f"validated.{source.name}"))
        if source is VIDEOS:  # the others are listed in profiles
            validated = validated.filter(nw.col("origin") == DELIVERED)
        rows = {
            "raw": count_rows(raw),
            "validated": count_rows(validated),
            "rejected": count_rows(rejected.filter(nw.col("source") == source.name)),
            "harmless": count_rows(rejected.filter((nw.col("source") == source.name) & is_harmless())),
        }
        if any(rows.values()):
            counts[source.name] = rows
    return counts


def _row_balance() -> AssetChecksDefinition:
    @snapshot_check(
        asset=asset_key("validated.rejected"),
        name="row_balance",
        blocking=True,
        additional_deps=[asset_key(f"{stage}.{source.name}") for stage in ("raw", "validated") for source in SOURCES],
        description="Of every source: stored raw rows = validated rows + rejected rows.",
    )
    def row_balance(context: AssetCheckExecutionContext, warehouse: ResourceParam[Warehouse]) -> AssetCheckResult:
        counts = _counts(context, warehouse)
        wrong = [source for source, rows in counts.items() if rows["raw"] != rows["validated"] + rows["rejected"]]
        return AssetCheckResult(passed=not wrong, metadata={"counts": counts, "out_of_balance": wrong})

    return row_balance


def _rejected_share() -> AssetChecksDefinition:
    @snapshot_check(
        asset=asset_key("validated.rejected"),
        name="rejected_share",
        additional_deps=[asset_key(f"raw.{source.name}") for source in SOURCES],
        description=f"Of every source, less than {REJECTED_WARNING:.0%} of the rows are rejected, without those that "
        "a newer row of the same creator supersedes. "
        f"From {REJECTED_ERROR:.0%} it is an error.",
    )
    def rejected_share(context: AssetCheckExecutionContext, warehouse: ResourceParam[Warehouse]) -> AssetCheckResult:
        counts = _counts(context, warehouse)
        shares = {
            source: (rows["rejected"] - rows["harmless"]) / (rows["raw"] - rows["harmless"])
            for source, rows in counts.items()
            if rows["raw"] > rows["harmless"]
        }
        worst = max(shares.values(), default=0.0)
        listed = ", ".join(f"{share:.1%} of {source}" for source, share in shares.items())
        return AssetCheckResult(
            passed=worst < REJECTED_WARNING,
            severity=AssetCheckSeverity.ERROR if worst >= REJECTED_ERROR else AssetCheckSeverity.WARN,
            metadata={
                "rejected": listed or "no rows",
                **numbers(rejected_share=worst, **{f"rejected_share_{s.name}": shares.get(s.name) for s in SOURCES}),
            },
        )

    return rejected_share


def _cells_not_readable() -> AssetChecksDefinition:
    key = asset_key("validated.unread_cells")

    @snapshot_check(
        asset=key,
        name="cells_not_readable",
        description="Every delivered cell of an optional column could be read. One that could not is NULL.",
    )
    def cells_not_readable(
        context: AssetCheckExecutionContext, warehouse: ResourceParam[Warehouse]
    ) -> AssetCheckResult:
        unread = checked_slice(context, warehouse, key).select("source_file", "column_name", "cells", "expected")
        rows = (
            unread.sort("cells", "column_name", descending=[True, False]).collect("pyarrow").to_native().to_pylist()
        )
        listed = [
            f"{row['column_name']}: {row['cells']} cells of {row['source_file']} are not {row['expected']}"
            for row in rows
        ]
        return AssetCheckResult(
            passed=not rows,
            severity=AssetCheckSeverity.WARN,
            metadata={"columns": listed, **numbers(cells=float(sum(row["cells"] for row in rows)))},
        )

    return cells_not_readable


def _rates_add_up() -> AssetChecksDefinition:
    key = asset_key("validated.profiles")

    @snapshot_check(
        asset=key,
        name="rates_add_up",
        description="avg_engagement_rate = comment_engagement_rate + like_engagement_rate, to 1e-6.",
    )
    def rates_add_up(context: AssetCheckExecutionContext, warehouse: ResourceParam[Warehouse]) -> AssetCheckResult:
        rows = count_rows(inconsistent_rates(checked_slice(context, warehouse, key)))
        return AssetCheckResult(passed=not rows, severity=AssetCheckSeverity.WARN, metadata={"rows": rows})

    return rates_add_up
