"""The command ``withdraw``: take a delivered file, or a snapshot, back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tiktok_pipeline.cli.console import (
    FAILED,
    CommandUsageError,
    Interrupts,
    QuietOption,
    YesOption,
    confirm,
    exit_on_expected_error,
    info,
    locked_home,
    read_settings,
    select_studies,
)
from tiktok_pipeline.cli.materialize import materialize_snapshots
from tiktok_pipeline.safe_text import visible_name
from tiktok_pipeline.settings import Settings

if TYPE_CHECKING:
    from tiktok_pipeline.home.manifest import StoredFile

WHEN_INTERRUPTED = (
    "stopped; run `tiktok-pipeline refresh` to finish, and the same command again, with --snapshot, if files or "
    "tables are left"
)


def withdraw(
    file: Annotated[
        Path | None, typer.Argument(help="The name of a delivered file, as `tiktok-pipeline snapshots` lists it.")
    ] = None,
    snapshot: Annotated[
        str | None, typer.Option(help="The snapshot of the file; without a file, the whole snapshot.")
    ] = None,
    yes: YesOption = False,
    _quiet: QuietOption = False,
) -> None:
    """Remove a delivered file with its rows and the tables computed from them.

    The snapshot is computed again from its other files, or removed if there
    is none. A daily history is removed with all its days.
    """
    with exit_on_expected_error(when_interrupted=WHEN_INTERRUPTED) as interrupts:
        settings = read_settings()
        if file is None and snapshot is None:
            msg = "name a file, or a snapshot with --snapshot"
            raise CommandUsageError(msg)
        with locked_home(settings):
            succeeded = _withdraw(settings, file.name if file else None, snapshot, interrupts, yes=yes)
        if not succeeded:
            raise typer.Exit(FAILED)


def _withdraw(
    settings: Settings, file: str | None, snapshot: str | None, interrupts: Interrupts, *, yes: bool
) -> bool:
    from tiktok_pipeline.cli.refresh_summary import RefreshResult
    from tiktok_pipeline.home.cleanup import remove_leftovers
    from tiktok_pipeline.home.manifest import read_manifest, snapshots_on_disk
    from tiktok_pipeline.upkeep.withdraw import find_withdrawal, remove_entries

    remove_leftovers(settings)
    manifests = {key: read_manifest(settings.raw / key) for key in snapshots_on_disk(settings.raw)}
    if snapshot is not None and snapshot not in manifests and snapshot in _without_files(settings, manifests):
        info(f"snapshot {snapshot}: its files are gone already, the removal is finished")
        confirm("Remove its tables? It cannot be undone.", yes=yes)
        _remove_snapshots(settings, [snapshot])
        return True
    withdrawal = find_withdrawal(manifests, file=file, snapshot=snapshot)
    for key, entries in withdrawal.files.items():
        for entry in entries:
            info(f"snapshot {key}: {entry.file}, {entry.rows:,} rows")
    for key in withdrawal.emptied:
        info(f"snapshot {key}: nothing else is in it, it is removed")
    confirm("Take this back? It cannot be undone.", yes=yes)
    remove_entries(settings.raw, withdrawal, manifests)
    if withdrawal.emptied:
        _remove_snapshots(settings, withdrawal.emptied)
    result = RefreshResult()
    if withdrawal.reduced:
        studies = _computed_studies(settings, withdrawal.reduced)
        materialize_snapshots(settings, withdrawal.reduced, studies, result, interrupts)
    for key in result.finished:
        info(f"snapshot {key} is computed again without {visible_name(file or '')}")
    return not result.failed


def _computed_studies(settings: Settings, snapshots: Sequence[str]) -> list[str]:
    """Return the studies that the snapshots have tables of; none means all."""
    from tiktok_pipeline.assembly import open_warehouse

    with open_warehouse(settings) as warehouse:
        computed = {stored.study for stored in warehouse.slices() if stored.snapshot in snapshots and stored.study}
    return sorted(computed & {study.name for study in select_studies([])})


def _without_files(settings: Settings, manifests: Mapping[str, Sequence[StoredFile]]) -> set[str]:
    """Return the snapshots that an interrupted removal left: with rows or a partition, and without files."""
    from tiktok_pipeline.assembly import open_warehouse
    from tiktok_pipeline.orchestration.partitions import known_snapshots
    from tiktok_pipeline.orchestration.runs.instance import open_instance, prepare_dagster_home
    from tiktok_pipeline.upkeep.prune import all_snapshots

    prepare_dagster_home(settings)
    with open_warehouse(settings) as warehouse, open_instance(settings) as instance:
        known = all_snapshots(settings, warehouse, known_to_dagster=known_snapshots(instance))
    return set(known) - set(manifests)


def _remove_snapshots(settings: Settings, snapshots: Sequence[str]) -> None:
    from tiktok_pipeline.assembly import open_warehouse
    from tiktok_pipeline.orchestration.maintenance.snapshots import delete_snapshot_records
    from tiktok_pipeline.orchestration.runs.instance import open_instance, prepare_dagster_home
    from tiktok_pipeline.upkeep.prune import prune

    prepare_dagster_home(settings)
    with open_warehouse(settings) as warehouse, open_instance(settings) as instance:
        prune(
            settings,
            snapshots,
            warehouse=warehouse,
            studies=select_studies([]),
            delete_records=partial(delete_snapshot_records, instance),
        )
    info(f"removed {', '.join(snapshots)}")
