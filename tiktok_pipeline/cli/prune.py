"""The command ``prune``: list the snapshots to remove, ask, remove them."""

from __future__ import annotations

import contextlib
import re
from datetime import date
from functools import partial
from typing import Annotated

import typer

from tiktok_pipeline.cli.console import (
    CommandUsageError,
    QuietOption,
    YesOption,
    confirm,
    exit_on_expected_error,
    info,
    locked_home,
    read_settings,
    select_studies,
)
from tiktok_pipeline.safe_text import one_line
from tiktok_pipeline.settings import Settings


def prune(
    keep: Annotated[int | None, typer.Option(help="Number of newest snapshots to keep.", min=0)] = None,
    before: Annotated[
        str | None, typer.Option(help="Remove the snapshots before this day, such as 2024-01-31.")
    ] = None,
    yes: YesOption = False,
    _quiet: QuietOption = False,
) -> None:
    """Remove old snapshots with their files, tables, reports and Dagster records.

    After an interruption, run the same command again.
    """
    with exit_on_expected_error(when_interrupted="stopped; run the same command again to finish the removal"):
        settings = read_settings()
        if (keep is None) == (before is None):
            msg = "use either --keep N or --before DATE"
            raise CommandUsageError(msg)
        day = _read_day(before) if before is not None else None
        with locked_home(settings):
            _prune_snapshots(settings, keep=keep, before=day, yes=yes)


def _read_day(text: str) -> date:
    # Python reads 20240131 and 2024-W05-3 as dates too; only the form of the snapshots is certain.
    if re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        with contextlib.suppress(ValueError):
            return date.fromisoformat(text)
    msg = f"--before {one_line(text, max_characters=40)!r}: expected a day such as 2024-01-31"
    raise CommandUsageError(msg)


def _prune_snapshots(settings: Settings, *, keep: int | None, before: date | None, yes: bool) -> None:
    from tiktok_pipeline.assembly import open_warehouse
    from tiktok_pipeline.home.cleanup import remove_leftovers
    from tiktok_pipeline.orchestration.maintenance.snapshots import delete_snapshot_records
    from tiktok_pipeline.orchestration.partitions import known_snapshots
    from tiktok_pipeline.orchestration.runs.instance import open_instance, prepare_dagster_home
    from tiktok_pipeline.upkeep.prune import all_snapshots, select_prunable
    from tiktok_pipeline.upkeep.prune import prune as prune_home

    remove_leftovers(settings)
    prepare_dagster_home(settings)
    with open_warehouse(settings) as warehouse, open_instance(settings) as instance:
        known = all_snapshots(settings, warehouse, known_to_dagster=known_snapshots(instance))
        removed = select_prunable(known, keep=keep, before=before)
        if not removed:
            info(f"nothing to remove: the home has {len(known)} snapshot(s)")
            return
        for key in removed:
            info(f"snapshot {key}")
        question = (
            f"Remove {len(removed)} of {len(known)} snapshots with their files and tables? This cannot be undone."
        )
        confirm(question, yes=yes)
        prune_home(
            settings,
            removed,
            warehouse=warehouse,
            studies=select_studies([]),
            delete_records=partial(delete_snapshot_records, instance),
        )
    info(f"removed {', '.join(removed)}")
