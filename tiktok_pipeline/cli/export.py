"""The command ``export``: write the creators of a study to a file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
from tiktok_pipeline.cli.export_filters import WHERE_HELP, read_where, search_for
from tiktok_pipeline.explorer.exports import column_notes, in_export_order, select_list
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
    where: Annotated[list[str] | None, typer.Option(help=WHERE_HELP)] = None,
    sort: Annotated[
        str | None,
        typer.Option(help="Column to sort by, the highest first, such as followers; by default margin or score."),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Largest number of creators to write.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file if it exists.")] = False,
    _quiet: QuietOption = False,
) -> None:
    """Write the creators of a study, or of one persona, to a file.

    The most used columns come first. An .xlsx file has a second sheet that
    describes each column. The creators with the largest margin come first; if
    the study has scores and no personas, those with the highest score.
    """
    with exit_on_expected_error():
        settings = read_settings()
        (chosen,) = select_studies([study])
        wanted = _Wanted(persona, snapshot, tuple(where or ()), sort, limit)
        _export_study(settings, chosen, out, wanted, overwrite=overwrite)


@dataclass(frozen=True)
class _Wanted:
    """Which creators are written (None: all, or those of the newest snapshot), and in which order."""

    persona: str | None
    snapshot: str | None
    where: tuple[str, ...]
    sort: str | None
    limit: int | None


def _export_study(settings: Settings, study: Study, out: Path, wanted: _Wanted, *, overwrite: bool) -> None:
    from tiktok_pipeline.output.write_rows import check_rows, check_target, write_file
    from tiktok_pipeline.warehouse.duckdb.connection import open_read_only

    has_segments = study.segmentation is not None
    if wanted.persona is not None and not has_segments:
        msg = f"study {study.name} has scores and no personas; leave out --persona"
        raise CommandUsageError(msg)
    with _name_target_in_errors(out):
        check_target(out, overwrite=overwrite)
    file = settings.published_file
    with open_read_only(file, memory_limit=settings.memory_limit, threads=settings.threads) as database:
        source = _find_source(database, file, study.name, wanted.snapshot)
        creators, values = _from_clause(database, source, wanted)
        column = _sort_column(source, wanted.sort or ("margin" if has_segments else "score"))
        _, ((found,),) = database.rows(f"select count(*) {creators}", values)
        rows = found if wanted.limit is None else min(found, wanted.limit)
        with _name_target_in_errors(out):
            check_rows(out, rows)  # before minutes of writing
            described = _descriptions(database, study.name)
            columns = select_list(in_export_order(source.columns))
            schema, batches = database.batches(
                f"select {columns} {creators} order by {column} desc nulls last, account_id limit ?",
                [*values, rows],
            )
            notes = column_notes(schema, described)
            written = write_file(out, schema, batches, guard=formula_safe, overwrite=overwrite, notes=notes)
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


@dataclass(frozen=True)
class _Source:
    """The creators of a study: what stands behind FROM, its parameters, and its columns."""

    study: str
    sql: str
    values: tuple[str, ...]
    columns: tuple[str, ...]


def _find_source(database: ReadOnlyDatabase, file: Path, study: str, snapshot: str | None) -> _Source:
    """Return the creators of a study in a snapshot, with the figures of ``creators.current`` that the view lacks.

    Raises
    ------
    CommandFailedError
        If the study was not published yet.
    CommandUsageError
        If there is no such snapshot.
    """
    of_view = _columns(database, "segments", f"{study}_history")
    query = f"select distinct snapshot from segments.{study}_history"  # noqa: S608 - the name of a study
    snapshots = _values(database, query) if of_view else []
    if not snapshots:
        msg = f"{file}: study {study} has no creators yet"
        raise CommandFailedError(msg, remedy=f"run `tiktok-pipeline refresh FILE --study {study}`")
    if snapshot is not None and snapshot not in snapshots:
        msg = f"no snapshot {snapshot!r} of study {study}; the snapshots are: {', '.join(snapshots)}"
        raise CommandUsageError(msg)
    view = study if snapshot is None else f"{study}_history"
    narrowed = "" if snapshot is None else " where segment.snapshot = ?"
    added = [name for name in _columns(database, "creators", "current") if name not in (*of_view, *_NOT_FIGURES)]
    joined = "left join creators.current as current using (snapshot, account_id)" if added else ""
    selected = ", ".join(["segment.*", *(f"current.{name}" for name in added)])
    return _Source(
        study,
        f"(select {selected} from segments.{view} as segment {joined}{narrowed})",  # noqa: S608 - names of tables
        () if snapshot is None else (snapshot,),
        (*of_view, *added),
    )


_NOT_FIGURES = ("words", "study")
"""Columns of ``creators.current`` that serve the search."""


def _from_clause(database: ReadOnlyDatabase, source: _Source, wanted: _Wanted) -> tuple[str, list[Any]]:
    """Return the query from ``from`` on and its parameters.

    Raises
    ------
    CommandUsageError
        If there is no such persona or filter.
    """

    def values(column: str) -> Sequence[str]:
        text = f"select distinct {column} from {source.sql} where {column} is not null"  # noqa: S608 - names
        return _values(database, text, source.values)

    search = search_for(read_where(wanted.where), source.columns, values)
    creators, parameters = f"from {source.sql} where {search.where}", [*source.values, *search.values]
    if wanted.persona is None:
        return creators, parameters
    personas = values("persona")
    alike = [name for name in personas if name.casefold() == wanted.persona.strip().casefold()]
    meant = [wanted.persona] if wanted.persona in personas else alike
    if not meant:
        msg = f"no persona {wanted.persona!r} in study {source.study}; the personas are: {', '.join(personas)}"
        raise CommandUsageError(msg)
    return f"{creators} and persona = ?", [*parameters, meant[0]]


def _sort_column(source: _Source, column: str) -> str:
    """Return the column if the creators have it.

    Raises
    ------
    CommandUsageError
        If they do not; it names the columns.
    """
    if column not in source.columns:
        msg = f"no column {column!r} to sort by; the columns are: {', '.join(source.columns)}"
        raise CommandUsageError(msg)
    return f'"{column}"'


def _descriptions(database: ReadOnlyDatabase, study: str) -> dict[str, str]:
    """Return what each column holds, as the file says it itself; the view of the study goes before.

    A file of an older program says nothing about its columns.
    """
    if not _columns(database, "meta", "columns"):
        return {}
    text = (
        "select column_name, description from meta.columns where (schema_name, table_name) in "
        "(('creators', 'current'), ('segments', ?)) order by schema_name"
    )
    return {str(name): str(description) for name, description in database.rows(text, [study])[1]}


def _columns(database: ReadOnlyDatabase, schema: str, table: str) -> list[str]:
    """Return the columns of a table in their order; none if there is no such table."""
    text = (
        "select column_name from information_schema.columns where table_schema = ? and table_name = ? "
        "order by ordinal_position"
    )
    return [str(name) for (name,) in database.rows(text, [schema, table])[1]]


def _values(database: ReadOnlyDatabase, sql: str, parameters: Sequence[str] = ()) -> list[str]:
    """Return the values of a query's one column, sorted."""
    return sorted(str(value) for (value,) in database.rows(sql, list(parameters))[1])
