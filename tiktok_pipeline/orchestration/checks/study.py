"""The checks of a study: every part was computed, and no published input leaks the label."""

import narwhals as nw
from dagster import (
    AssetCheckExecutionContext,
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSeverity,
    AssetKey,
    asset_check,
)

from tiktok_pipeline.orchestration.asset_keys import asset_key
from tiktok_pipeline.orchestration.checks.slices import checked_slice
from tiktok_pipeline.study import Study


def study_checks(study: Study) -> list[AssetChecksDefinition]:
    """The warnings of a study: whether it could be done on the snapshot, and whether its published inputs leak."""
    checks = []
    if study.segmentation is not None:
        checks.append(_could_be_done(asset_key("clusters.fits", study.name), "note", None))
    if study.classification is not None:
        checks.append(_could_be_done(asset_key("classifiers.cards", study.name), "value", ("why_empty", "missing")))
        checks.append(_leakage(asset_key("classifiers.leakage", study.name)))
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
