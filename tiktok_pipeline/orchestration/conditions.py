"""When Dagster computes an asset by itself; the sensor ``changed_studies`` acts on it."""

from __future__ import annotations

from typing import Any

from dagster import AutomationCondition


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
    return (
        AutomationCondition.any_deps_updated().since(
            AutomationCondition.newly_requested() | AutomationCondition.newly_updated()
        )
        & ~AutomationCondition.any_deps_in_progress()
        & ~AutomationCondition.in_progress()
        & ~AutomationCondition.missing()
    ).with_label("its tables changed")


def every_morning() -> AutomationCondition[Any]:
    """A check that depends on the day and not on new data."""
    return AutomationCondition.on_cron("0 6 * * *")
