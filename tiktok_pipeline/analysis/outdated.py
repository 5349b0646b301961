"""Finds what a snapshot that arrived late, or was computed anew, leaves out of date in other snapshots."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from tiktok_pipeline.analysis.creator_tables import outdated_comparisons
from tiktok_pipeline.analysis.earlier_fit import stale_continuations
from tiktok_pipeline.analysis.migration import outdated_migrations
from tiktok_pipeline.personas.schema import MIGRATIONS_TABLE
from tiktok_pipeline.study import Study
from tiktok_pipeline.warehouse.base import Warehouse


@dataclass(frozen=True)
class Outdated:
    """What has to be computed again in one snapshot.

    Parameters
    ----------
    snapshot : str
        The snapshot.
    studies : tuple of str
        The studies whose model has to go on from another one.
    migrations : tuple of str
        The studies that have to be compared with the snapshot before again.
    has_outdated_creators : bool
        Whether the tables of stage ``creators`` have to be computed again.
    """

    snapshot: str
    studies: tuple[str, ...] = ()
    migrations: tuple[str, ...] = ()
    has_outdated_creators: bool = False


def find_outdated(warehouse: Warehouse, studies: Sequence[Study], changed: Collection[str]) -> list[Outdated]:
    """Return what has to be computed again, the oldest snapshot first.

    A snapshot that is computed again can leave later ones out of date: compute the first, then ask again.

    Parameters
    ----------
    warehouse : Warehouse
        The warehouse.
    studies : sequence of Study
        The studies to look at.
    changed : collection of str
        The snapshots that were computed since everything was up to date.
    """
    models = stale_continuations(warehouse, studies, changed)
    creators = outdated_comparisons(warehouse, changed)
    moved = outdated_migrations(warehouse, studies, changed)
    compared = {
        key: [stored.study for stored in warehouse.slices() if (stored.table, stored.snapshot) == (table, key)]
        for table in [str(MIGRATIONS_TABLE)]
        for key in creators
    }
    warehouse.unpersist_all()
    names = {study.name for study in studies}
    return [
        Outdated(
            snapshot=key,
            studies=tuple(models.get(key, [])),
            migrations=tuple(sorted({*moved.get(key, []), *compared.get(key, [])} & names)),
            has_outdated_creators=key in creators,
        )
        for key in sorted({*models, *creators, *moved})
    ]
