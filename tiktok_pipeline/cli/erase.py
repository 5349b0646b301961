"""The command ``forget``: list what is stored of a creator, ask, erase it, report what was erased."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from tiktok_pipeline.cli.console import USAGE_ERROR, fail, info, locked_home
from tiktok_pipeline.orchestration.runs.instance import prepare_dagster_home
from tiktok_pipeline.safe_text import one_line
from tiktok_pipeline.settings import Settings

if TYPE_CHECKING:
    from dagster import DagsterInstance


def erase_creator(settings: Settings, name: str | None, *, yes: bool) -> None:
    """Erase a creator from the home; those who were erased before where no name is given."""
    if name is not None and not re.fullmatch(r"@?[^\s@/]{1,100}", name):
        fail(
            f"{one_line(name)[:60]!r}: expected one handle, with or without @, or the platform's number", USAGE_ERROR
        )
    with locked_home(settings):
        import tiktok_pipeline.studies
        from tiktok_pipeline.assembly import build_definitions, open_engine, open_warehouse, refresh_job
        from tiktok_pipeline.home.cleanup import remove_leftovers
        from tiktok_pipeline.orchestration.maintenance.erase import Eraser, erase
        from tiktok_pipeline.orchestration.runs.refresh import step_logger
        from tiktok_pipeline.privacy.find_creator import CreatorRecords, find_creator
        from tiktok_pipeline.study import load_studies

        remove_leftovers(settings)
        info("looking through the raw files ...")
        with open_engine(settings) as engine:
            found = CreatorRecords() if name is None else find_creator(settings, name, engine)
        for (snapshot, file), rows in sorted(found.records.items()):
            info(
                f"snapshot {snapshot}: {file}, record {', '.join(map(str, rows[:10]))}{' ...' if len(rows) > 10 else ''}"
            )
        if name is not None and not found.records:
            info("no record of that name in any snapshot; a later scrape will be taken without it")
        who = one_line(", ".join(found.names)) or "all who were forgotten before"
        _ask(f"erase {who} from this home, for good?", yes=yes)
        with _dagster(settings) as instance:
            eraser = Eraser(
                settings=settings,
                open_engine=lambda: open_engine(settings),
                open_warehouse=lambda: open_warehouse(settings),
                instance=instance,
                job=refresh_job(build_definitions(settings, logger=step_logger(lambda _: None))),
                studies=load_studies(tiktok_pipeline.studies),
                log=info,
            )
            erased = erase(eraser, found)
    info(f"gone: {erased.records} record(s) of raw files, and the tables, pages and copies made of them")
    for path in erased.files:
        info(f"deleted: {one_line(str(path))}")
    if erased.dagster_records:
        info(f"deleted: {erased.dagster_records} message(s) of Dagster's records")
    if erased.snapshots:
        info(
            f"the segments' figures of {', '.join(erased.snapshots)} still count the creator: `tiktok-pipeline refresh --all` "
            "computes them anew (Dagster's sensor does it by itself where the UI runs)"
        )
    info("files outside of the home, and backups, are yours to see to")


def _ask(question: str, *, yes: bool) -> None:
    if not yes and not typer.confirm(question, default=False, err=True):
        raise typer.Abort


@contextmanager
def _dagster(settings: Settings) -> Iterator[DagsterInstance]:
    prepare_dagster_home(settings)
    from dagster import DagsterInstance

    with DagsterInstance.from_config(str(settings.dagster_home)) as instance:
        yield instance
