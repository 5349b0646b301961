"""When Dagster computes an asset by itself; the sensor ``changed_studies`` acts on it."""

from __future__ import annotations

from typing import Any

from dagster import AutomationCondition

PUBLISHES = "tiktok_pipeline/publishes"
"""Tag of the runs that bring the published copy and the report up to date themselves."""


def of_a_study() -> AutomationCondition[Any]:
    """A study's own assets follow its content: all snapshots are computed anew when its code version changes."""
    return (
        AutomationCondition.code_version_changed().since(
            AutomationCondition.newly_requested() | AutomationCondition.newly_updated()
        )
        & ~AutomationCondition.in_progress()
        & ~AutomationCondition.missing()
    ).with_label("the study changed")


def after_its_tables() -> AutomationCondition[Any]:
    """The published copy and the report follow the tables that were computed without them."""
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
    """A check that depends on the day and not on new data."""
    return AutomationCondition.on_cron("0 6 * * *")
