"""Which snapshots of a refresh need no computation, because everything is there already."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tiktok_pipeline.cli.console import info
from tiktok_pipeline.settings import Settings

if TYPE_CHECKING:
    from tiktok_pipeline.study import Study
    from tiktok_pipeline.warehouse.base import Engine


def open_engine(settings: Settings) -> Engine:
    """Return an engine that reads files and stores nothing; it loads quickly, without Dagster."""
    from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse

    return DuckDBWarehouse(None, memory_limit=settings.memory_limit, threads=settings.threads)


def skip_complete(settings: Settings, keys: Sequence[str], studies: Sequence[Study]) -> tuple[list[str], list[str]]:
    """Return the snapshots to compute and those that are complete, and print the complete ones.

    Parameters
    ----------
    settings : Settings
        The home.
    keys : sequence of str
        The snapshots of the refresh.
    studies : sequence of Study
        The studies of the refresh.
    """
    from tiktok_pipeline.upkeep.completeness import complete_snapshots
    from tiktok_pipeline.warehouse.duckdb.inspection import published_slices

    slices, slice_columns = published_slices(settings.published_file)
    complete = complete_snapshots(settings, keys, studies, slices=slices, slice_columns=slice_columns)
    for key in complete:
        info(f"snapshot {key}: everything is there already, nothing to do (--again recomputes it)")
    return [key for key in keys if key not in complete], complete
