"""The command ``prune``: list the snapshots to remove, ask, remove them."""

from __future__ import annotations

from datetime import date
from functools import partial
from typing import TYPE_CHECKING

from tiktok_pipeline.cli.console import USAGE_ERROR, fail, info, locked_home
from tiktok_pipeline.cli.erase import _ask, _dagster
from tiktok_pipeline.safe_text import one_line
from tiktok_pipeline.settings import Settings

if TYPE_CHECKING:
    pass


def prune_snapshots(settings: Settings, *, keep: int | None, before: str | None, yes: bool) -> None:
    """Remove old snapshots whole."""
    if (keep is None) == (before is None):
        fail("say either --keep N or --before DATE", USAGE_ERROR)
    if before is not None:
        try:
            date.fromisoformat(before)
        except ValueError:
            fail(f"--before {one_line(before)[:40]!r}: expected a day such as 2024-01-31", USAGE_ERROR)
    with locked_home(settings):
        import tiktok_pipeline.studies
        from tiktok_pipeline.assembly import open_warehouse
        from tiktok_pipeline.home.cleanup import remove_leftovers
        from tiktok_pipeline.orchestration.maintenance.snapshots import delete_snapshot_records
        from tiktok_pipeline.orchestration.partitions import known_snapshots
        from tiktok_pipeline.study import load_studies
        from tiktok_pipeline.upkeep.prune import all_snapshots, prune, select_prunable

        remove_leftovers(settings)
        with open_warehouse(settings) as warehouse, _dagster(settings) as instance:
            there = all_snapshots(settings, warehouse, known_to_dagster=known_snapshots(instance))
            gone = select_prunable(there, keep=keep, before=before)
            if not gone:
                info(f"nothing to remove: {len(there)} snapshot(s) are there")
                return
            for key in gone:
                info(f"snapshot {key}")
            _ask(f"remove {len(gone)} of {len(there)} snapshots, files and tables, for good?", yes=yes)
            studies = load_studies(tiktok_pipeline.studies)
            prune(
                settings,
                gone,
                warehouse=warehouse,
                studies=studies,
                delete_records=partial(delete_snapshot_records, instance),
            )
    info(f"removed: {', '.join(gone)}")
