"""The checks of a study: every part was computed, and no input of its published model leaks the label."""

import narwhals as nw
from dagster import (
    AssetCheckExecutionContext,
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSeverity,
    ResourceParam,
)

from tiktok_pipeline.classifiers.card_items import REASON_ITEMS
from tiktok_pipeline.frames import to_pandas
from tiktok_pipeline.orchestration.asset_keys import asset_key
from tiktok_pipeline.orchestration.checks.snapshot_check import checked_slice, snapshot_check
from tiktok_pipeline.orchestration.metadata import numbers
from tiktok_pipeline.personas.transitions import MOST_MODEL_MOVED, moved_shares
from tiktok_pipeline.study import Study
from tiktok_pipeline.warehouse.base import Warehouse


def study_checks(study: Study) -> list[AssetChecksDefinition]:
    """Return the checks of a study; they warn and stop nothing."""
    checks = []
    if study.segmentation is not None:
        checks.append(_could_be_done(study, "clusters.fits", ~nw.col("note").is_null(), "note"))
        if study.segmentation.continuity == "warm":
            checks.append(_segments_hold_still(study))
            checks.append(_model_holds_still(study))
    if study.classification is not None:
        is_reason = nw.col("item").is_in(REASON_ITEMS)
        checks += [_could_be_done(study, "classifiers.cards", is_reason, "value"), _no_leakage(study)]
    return checks


def _could_be_done(study: Study, table: str, is_reason: nw.Expr, column: str) -> AssetChecksDefinition:
    """Return the check of a table whose rows with ``is_reason`` say in ``column`` why a part is missing."""
    key = asset_key(table, study.name)

    @snapshot_check(
        asset=key,
        name="could_be_done",
        description=f"Every part of study {study.name} could be computed from the snapshot.",
    )
    def could_be_done(context: AssetCheckExecutionContext, warehouse: ResourceParam[Warehouse]) -> AssetCheckResult:
        rows = checked_slice(context, warehouse, key).filter(is_reason)
        reasons = rows.select(column).unique().sort(column).collect("pyarrow")[column].to_list()
        return AssetCheckResult(
            passed=not reasons, severity=AssetCheckSeverity.WARN, metadata={"why": "; ".join(reasons)}
        )

    return could_be_done


def _segments_hold_still(study: Study) -> AssetChecksDefinition:
    key = asset_key("clusters.continuity", study.name)

    @snapshot_check(
        asset=key,
        name="segments_hold_still",
        description=f"The model of study {study.name} goes on from the earlier snapshot. If not, the segments are "
        "others, and their sizes cannot be compared with the earlier ones.",
    )
    def segments_hold_still(
        context: AssetCheckExecutionContext, warehouse: ResourceParam[Warehouse]
    ) -> AssetCheckResult:
        rows = to_pandas(checked_slice(context, warehouse, key))
        return AssetCheckResult(
            passed=not rows["is_regime_change"].any(),
            severity=AssetCheckSeverity.WARN,
            metadata={
                "new_segments": int(rows["earlier_cluster"].isna().sum()),
                **numbers(smallest_overlap=rows["overlap"].min() if len(rows) else None),
            },
        )

    return segments_hold_still


def _model_holds_still(study: Study) -> AssetChecksDefinition:
    key = asset_key("personas.migrations", study.name)

    @snapshot_check(
        asset=key,
        name="model_holds_still",
        description=f"At most {MOST_MODEL_MOVED:.0%} of the creators with a segment in both snapshots changed it in "
        f"study {study.name} because the model moved.",
    )
    def model_holds_still(
        context: AssetCheckExecutionContext, warehouse: ResourceParam[Warehouse]
    ) -> AssetCheckResult:
        shares = moved_shares(to_pandas(checked_slice(context, warehouse, key)))
        is_still, why = model_verdict(shares["model_moved_share"])
        return AssetCheckResult(
            passed=is_still, severity=AssetCheckSeverity.WARN, metadata={"why": why, **numbers(**shares)}
        )

    return model_holds_still


def model_verdict(moved_share: float | None) -> tuple[bool, str]:
    """Return whether the model held still, and why.

    Parameters
    ----------
    moved_share : float or None
        Share of the creators with a segment in both snapshots that the model moved; None: nothing to compare.

    Examples
    --------
    >>> model_verdict(0.05)
    (True, 'the model moved 5.00 % of the creators with a segment in both snapshots')
    """
    if moved_share is None:
        return True, "there is no creator with a segment in both snapshots"
    why = f"the model moved {100 * moved_share:.2f} % of the creators with a segment in both snapshots"
    return moved_share <= MOST_MODEL_MOVED, why


def _no_leakage(study: Study) -> AssetChecksDefinition:
    key = asset_key("classifiers.leakage", study.name)

    @snapshot_check(
        asset=key,
        name="no_leakage",
        description=f"No input of the published model of study {study.name} reveals the label.",
    )
    def no_leakage(context: AssetCheckExecutionContext, warehouse: ResourceParam[Warehouse]) -> AssetCheckResult:
        is_leak = (nw.col("kind") == "leak") & nw.col("is_published") & (nw.col("other_feature") == "")
        leaks = checked_slice(context, warehouse, key).filter(is_leak).select("feature", "verdict").sort("feature")
        verdicts = {row["feature"]: row["verdict"] for row in leaks.collect("pyarrow").to_native().to_pylist()}
        return AssetCheckResult(
            passed=not verdicts,
            severity=AssetCheckSeverity.WARN,
            metadata={"leaks": verdicts, "leaking_features": len(verdicts)},
        )

    return no_leakage
