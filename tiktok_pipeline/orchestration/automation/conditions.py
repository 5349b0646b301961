"""When Dagster materializes an asset without a request (Dagster concept: declarative automation).

The sensor ``changed_studies`` evaluates these conditions.
"""

from __future__ import annotations

from typing import Any

from dagster import AutomationCondition

PUBLISHES = "tiktok_pipeline/publishes"
"""Tag of the runs that also update the published file and the report."""


def on_study_change() -> AutomationCondition[Any]:
    """Return the condition of a study's assets: recompute every snapshot when the study's code version changes."""
    return (
        AutomationCondition.code_version_changed().since(
            AutomationCondition.newly_requested() | AutomationCondition.newly_updated()
        )
        & ~AutomationCondition.in_progress()
        & ~AutomationCondition.missing()
    ).with_label("the study changed")


def on_table_change() -> AutomationCondition[Any]:
    """Return the condition of the published file and the report: follow tables that were computed without them."""
    # A run of a whole job names no assets, so that Dagster cannot tell from it that it publishes too.
    elsewhere = (
        AutomationCondition.newly_updated()
        & ~AutomationCondition.executed_with_root_target()
        & ~AutomationCondition.executed_with_tags(tag_keys={PUBLISHES})
    )
    return (
        AutomationCondition.any_deps_match(elsewhere | AutomationCondition.will_be_requested()).since(
            AutomationCondition.newly_requested() | AutomationCondition.newly_updated()
        )
        & ~AutomationCondition.any_deps_in_progress()
        & ~AutomationCondition.in_progress()
        & ~AutomationCondition.missing()
    ).with_label("its tables changed")


def every_morning() -> AutomationCondition[Any]:
    """Return the condition of a check that depends on the day: it runs at 06:00 UTC."""
    return AutomationCondition.on_cron("0 6 * * *")
