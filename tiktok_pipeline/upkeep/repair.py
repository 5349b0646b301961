"""Apply the repairs that ``doctor`` proposes, each for one key alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tiktok_pipeline.settings import Settings
from tiktok_pipeline.study import Study
from tiktok_pipeline.upkeep.findings import Fix
from tiktok_pipeline.upkeep.prune import prune
from tiktok_pipeline.warehouse.base import Warehouse


@dataclass(frozen=True, kw_only=True)
class Repairer:
    """What a repair works with.

    Attributes
    ----------
    settings : Settings
        The home; the caller holds its lock.
    warehouse : Warehouse
        The warehouse of the home.
    studies : sequence of Study
        The studies whose views the published file has.
    add_partition, remove_partition : callable
        Make the orchestrator know a snapshot, or forget one with all that it keeps of it.
    """

    settings: Settings
    warehouse: Warehouse
    studies: Sequence[Study]
    add_partition: Callable[[str], None]
    remove_partition: Callable[[str], None]


def set_aside(path: Path) -> str:
    """Rename a damaged database file, and what the engine keeps beside it, so that a refresh writes it anew."""
    aside = path.with_name(f"{path.name}.damaged")
    path.replace(aside)
    path.with_name(f"{path.name}.wal").unlink(missing_ok=True)
    return f"moved {path} to {aside.name}; now run `tiktok-pipeline refresh --all`, then delete {aside.name}"


def apply_fix(repairer: Repairer, fix: Fix) -> str:
    """Apply one repair and return what was done, as a sentence. Doing it again changes nothing more."""
    match fix.action:
        case "add_partition":
            repairer.add_partition(fix.key)
            return f"Dagster knows snapshot {fix.key} again"
        case "remove_partition":
            repairer.remove_partition(fix.key)
            return f"removed the partition {fix.key!r} from Dagster"
        case "remove_rows":
            prune(
                repairer.settings,
                [fix.key],
                warehouse=repairer.warehouse,
                studies=repairer.studies,
                delete_records=repairer.remove_partition,
            )
            return f"removed the tables and reports of snapshot {fix.key}"
        case "set_aside":
            return set_aside(Path(fix.key))
