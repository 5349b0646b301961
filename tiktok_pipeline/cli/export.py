"""The command ``export``: write the creators of a study to a file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tiktok_pipeline.cli.console import (
    SNAPSHOT_HELP,
    CommandFailedError,
    CommandUsageError,
    QuietOption,
    exit_on_expected_error,
    info,
    read_settings,
    select_studies,
)
from tiktok_pipeline.safe_text import formula_safe
from tiktok_pipeline.settings import Settings

if TYPE_CHECKING:
    from tiktok_pipeline.study import Study
    from tiktok_pipeline.warehouse.duckdb.connection import ReadOnlyDatabase


def export(
    study: Annotated[str, typer.Argument(help="Name of the study, such as influencer_segments.")],
    out: Annotated[Path, typer.Option(help="File to write: .csv, .xlsx (for spreadsheets), .parquet or .json.")],
    persona: Annotated[str | None, typer.Option(help="Only the creators of this persona.")] = None,
    snapshot: Annotated[str | None, typer.Option(help=SNAPSHOT_HELP)] = None,
    *,
    sort: Annotated[
        str | None,
        typer.Option(help="Column to sort by, the highest first, such as followers; by default certainty."),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many creators.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file if it exists.")] = False,
    _quiet: QuietOption = False,
) -> None:
    """Write the creators of a study, or of one persona, to a file.

    The creators with the largest margin come first. If the study has scores
    and no personas, those with the highest score come first.
    """
    with exit_on_expected_error():
        settings = read_settings()
        (chosen,) = select_studies([study])
        order = _Order(sort, limit)
        _export_study(settings, chosen, out, order, persona=persona, snapshot=snapshot, overwrite=overwrite)


@dataclass(frozen=True)
class _Order:
    """The column to sort by (None: the certainty), and the most creators to write (None: all)."""

    column: str | None
    limit: int | None


def _export_study(
    settings: Settings,
    study: Study,
    out: Path,
    order: _Order,
    *,
    persona: str | None,
    snapshot: str | None,
    overwrite: bool,
) -> None:
    from tiktok_pipeline.output.write_rows import check_rows, check_target, write_file
    from tiktok_pipeline.warehouse.duckdb.connection import open_read_only

    has_segments = study.segmentation is not None
    if persona is not None and not has_segments:
        msg = f"study {study.name} has scores and no personas; leave out --persona"
        raise CommandUsageError(msg)
    certainty = "margin" if has_segments else "score"
    with _name_target_in_errors(out):
        check_target(out, overwrite=overwrite)
    file = settings.published_file
    with open_read_only(file, memory_limit=settings.memory_limit, threads=settings.threads) as database:
        creators, values = _from_clause(database, file, study.name, persona, snapshot)
        column = _sort_column(database, study.name, order.column) if order.column else certainty
        _, ((found,),) = database.rows(f"select count(*) {creators}", values)
        rows = found if order.limit is None else min(found, order.limit)
        with _name_target_in_errors(out):
            check_rows(out, rows)  # before minutes of writing
            schema, batches = database.batches(
                f"select * {creators} order by {column} desc nulls last, account_id limit ?", [*values, rows]
            )
            written = write_file(out, schema, batches, guard=formula_safe, overwrite=overwrite)
    if written.cut:
        longest = "the longest that a cell can hold"
        info(f"{written.cut:,} texts were cut to {longest}; a .csv or .parquet file keeps them whole")
    info(f"{written.rows:,} creators")
    typer.echo(str(out))


@contextmanager
def _name_target_in_errors(out: Path) -> Iterator[None]:
    """Report disk errors under the target's name instead of the draft's."""
    try:
        yield
    except OSError as error:
        msg = f"{out}: cannot be written: {error.strerror or error}"
        raise CommandFailedError(msg) from error


def _from_clause(
    database: ReadOnlyDatabase, file: Path, study: str, persona: str | None, snapshot: str | None
) -> tuple[str, list[str]]:
    """Return the query from ``from`` on and its parameters.

    Raises
    ------
    CommandFailedError
        If the study was not published yet.
    CommandUsageError
        If there is no such snapshot or persona.
    """
    view = "select 1 from information_schema.tables where table_schema = 'segments' and table_name = ?"
    is_published = database.rows(view, [f"{study}_history"])[1]
    newest, history = f"from segments.{study}", f"from segments.{study}_history"
    snapshots = _values(database, f"select distinct snapshot {history}") if is_published else []
    if not snapshots:
        msg = f"{file}: study {study} has no creators yet"
        raise CommandFailedError(msg, remedy=f"run `tiktok-pipeline refresh FILE --study {study}`")
    if snapshot is None:
        creators, values = f"{newest} where true", []
    elif snapshot in snapshots:
        creators, values = f"{history} where snapshot = ?", [snapshot]
    else:
        msg = f"no snapshot {snapshot!r} of study {study}; the snapshots are: {', '.join(snapshots)}"
        raise CommandUsageError(msg)
    if persona is None:
        return creators, values
    personas = _values(database, f"select distinct persona {creators}", values)
    alike = [name for name in personas if name.casefold() == persona.strip().casefold()]
    meant = [persona] if persona in personas else alike
    if not meant:
        msg = f"no persona {persona!r} in study {study}; the personas are: {', '.join(personas)}"
        raise CommandUsageError(msg)
    return f"{creators} and persona = ?", [*values, meant[0]]


def _sort_column(database: ReadOnlyDatabase, study: str, column: str) -> str:
    """Return the column if the creators of the study have it.

    Raises
    ------
    CommandUsageError
        If they do not; it names the columns.
    """
    known = _values(
        database,
        "select column_name from information_schema.columns where table_schema = 'segments' and table_name = ?",
        [f"{study}_history"],
    )
    if column not in known:
        msg = f"no column {column!r} in segments.{study}; the columns are: {', '.join(known)}"
        raise CommandUsageError(msg)
    return f'"{column}"'


def _values(database: ReadOnlyDatabase, sql: str, parameters: list[str] | None = None) -> list[str]:
    """Return the values of a query's one column, sorted."""
    return sorted(str(value) for (value,) in database.rows(sql, parameters or [])[1])
