"""The command ``inspect``: show how files would be read, and what they lack; it stores nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tiktok_pipeline.cli.console import (
    FAILED,
    CommandUsageError,
    JsonOption,
    QuietOption,
    error_document,
    exit_on_expected_error,
    info,
    print_json,
    read_settings,
    select_studies,
)
from tiktok_pipeline.cli.ingest_options import read_ingest_options, warn_about_dialects
from tiktok_pipeline.safe_text import one_line
from tiktok_pipeline.settings import Settings

if TYPE_CHECKING:
    from tiktok_pipeline.ingest.inspection import InspectedTable
    from tiktok_pipeline.ingest.options import IngestOptions
    from tiktok_pipeline.study import Study

_CELL_CHARACTERS = 30
_PLACEHOLDER = ", with the name of the right column in place of COLUMN"
_DELIMITER_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar"}


def inspect(
    files: Annotated[list[Path], typer.Argument(help="Files, or folders with scrapes.", show_default=False)],
    snapshot: Annotated[str | None, typer.Option(help="Key of the snapshot, such as 2023-08-12.")] = None,
    *,
    decimal: Annotated[
        str | None, typer.Option(help="Decimal mark of the numbers, . or , where a file does not show it.")
    ] = None,
    dates: Annotated[
        str | None, typer.Option(help="Order of dates: day-first, month-first or year-day-month.")
    ] = None,
    rates: Annotated[str | None, typer.Option(help="Unit of rates: fraction or percent.")] = None,
    column_map: Annotated[
        list[str] | None,
        typer.Option(
            "--map", help="Name a column: followers=Fans reads the column Fans as the followers. Repeatable."
        ),
    ] = None,
    newest: Annotated[bool, typer.Option("--newest", help="Make one snapshot of a daily history.")] = False,
    save_dialect: Annotated[
        str | None,
        typer.Option(help="Save how the columns are read as a dialect of this name in dialects/ of the home."),
    ] = None,
    as_json: JsonOption = False,
    _quiet: QuietOption = False,
) -> None:
    """Show how files would be read: columns, formats, first rows, snapshot and studies. Stores no data.

    Exits with 1 if a file would be refused. Every option of refresh that says
    how a file is read can be tried here first.

    With --json, one object: ok, error, files [{file, container, compression,
    member, encoding, delimiter, dialect, source, rows, usable_rows, columns
    [{name, read_as, cells}], proposals, formats, notes, snapshots [{snapshot,
    note}], first_rows, rejected, studies, errors [{code, message, remedy}],
    command, proposed_dialect}].
    """
    with exit_on_expected_error(as_json=as_json):
        settings = read_settings()
        options = read_ingest_options(
            snapshot, decimal=decimal, dates=dates, rates=rates, column_map=column_map, newest=newest
        )
        tables = _inspect_files(settings, files, options)
        if save_dialect is not None:
            _save_dialect(settings, tables, save_dialect)
        studies = select_studies([])
        if as_json:
            is_readable = not any(table.errors for _, table in tables)
            documents = [_document(path, table, studies, options) for path, table in tables]
            print_json({"ok": is_readable, "error": None, "files": documents})
        else:
            for path, table in tables:
                _print(path, table, studies, options)
        if any(table.errors for _, table in tables):
            raise typer.Exit(FAILED)


def _inspect_files(
    settings: Settings, paths: Sequence[Path], options: IngestOptions
) -> list[tuple[Path, InspectedTable]]:
    import tempfile
    from datetime import UTC, datetime

    from tiktok_pipeline.assembly import open_engine
    from tiktok_pipeline.ingest.find_files import find_files
    from tiktok_pipeline.ingest.inbox import ingest_config
    from tiktok_pipeline.ingest.inspection import inspect_file

    warn_about_dialects(settings)
    today = datetime.now(tz=UTC).date()
    tables: list[tuple[Path, InspectedTable]] = []
    with tempfile.TemporaryDirectory(prefix="tiktok-pipeline-") as folder, open_engine(settings) as engine:
        config = ingest_config(settings, engine)
        for number, path in enumerate(find_files(paths)):
            inspected = inspect_file(path, Path(folder) / str(number), config, options, today=today)
            tables += [(path, table) for table in inspected]
    return tables


def _save_dialect(settings: Settings, tables: Sequence[tuple[Path, InspectedTable]], name: str) -> None:
    from tiktok_pipeline.raw.dialects.save import save_dialect

    recognitions = [table.recognition for _, table in tables if table.recognition and not table.recognition.missing]
    if len(tables) != 1 or len(recognitions) != 1:
        msg = "--save-dialect needs one file with one table in which a creator and the followers are mapped"
        raise CommandUsageError(msg)
    path = save_dialect(settings.dialects, name, recognitions[0], description=f"like {tables[0][0].name}")
    info(f"saved {path}; files with these columns are read so from now on")


def _command(path: Path, table: InspectedTable, options: IngestOptions) -> str:
    """Return the command that ingests the file, with a placeholder for what is still open."""
    import shlex

    from tiktok_pipeline.raw.dialects.messages import map_option
    from tiktok_pipeline.raw.snapshots import SnapshotKeyError

    words = ["tiktok-pipeline refresh", shlex.quote(one_line(str(path)))]
    words += [map_option(canonical, column) for canonical, column in options.column_map.items()]
    for group in table.recognition.missing if table.recognition else ():
        proposed = [(name, table.recognition.proposals.get(name, ())) for name in group] if table.recognition else []
        canonical, column = next(((name, names[0]) for name, names in proposed if names), (group[0], "COLUMN"))
        words.append(map_option(canonical, column))
    given = (("decimal", options.decimal), ("dates", options.dates), ("rates", options.rates))
    words += [f"--{name} {value}" for name, value in given if value]
    if options.snapshot or any(isinstance(error, SnapshotKeyError) for error in table.errors):
        words.append(f"--snapshot {options.snapshot or 'YYYY-MM-DD'}")
    if options.newest:
        words.append("--newest")
    return " ".join(words)


def _layout_words(table: InspectedTable) -> str:
    layout = table.layout
    if layout is None:
        return ""
    delimiter = _DELIMITER_NAMES.get(layout.delimiter, layout.delimiter)
    parts = (
        f"{layout.compression} of {layout.container}" if layout.compression else layout.container,
        layout.encoding,
        f"delimiter: {delimiter}" if delimiter else "",
        f"{table.rows:,} rows" if table.rows is not None else "",
        "" if table.usable_rows in (None, table.rows) else f"{table.usable_rows:,} of them usable",
    )
    return ", ".join(part for part in parts if part)


def _studies_of(table: InspectedTable, studies: Sequence[Study]) -> dict[str, str]:
    """Return for each study whether it can run on the table, and what it lacks."""
    from tiktok_pipeline.study import availability

    if table.recognition is None or not table.first_rows:
        return {}
    source = table.recognition.source.name
    lines = {}
    for study in studies:
        if study.source == source:
            lines[study.name] = availability(study, table.available).removeprefix(f"{study.name}: ")
        else:
            wanted, found = (name.replace("_", " ") for name in (study.source, source))
            lines[study.name] = f"reads {wanted}, this table has {found}"
    return lines


def _study_lines(table: InspectedTable, studies: Sequence[Study]) -> Iterator[str]:
    """Yield for each study whether it can run; videos are no table that a study reads."""
    for name, words in _studies_of(table, studies).items():
        if table.recognition is not None and table.recognition.source.name == "videos":
            return
        is_able = not words.startswith(("no ", "reads ")) or ";" in words
        yield f"study {name} {'can' if is_able else 'cannot'} run: {words}"


def _document(path: Path, table: InspectedTable, studies: Sequence[Study], options: IngestOptions) -> dict[str, Any]:
    layout, recognition = table.layout, table.recognition
    return {
        "file": table.name,
        **{
            name: getattr(layout, name) if layout else ""
            for name in ("container", "compression", "member", "encoding", "delimiter")
        },
        "dialect": recognition.dialect if recognition and not recognition.missing else None,
        "source": recognition.source.name if recognition and not recognition.missing else None,
        "rows": table.rows,
        "usable_rows": table.usable_rows,
        "columns": [
            {"name": column.name, "read_as": column.canonical or None, "cells": list(column.cells)}
            for column in table.columns
        ],
        "proposals": {name: list(columns) for name, columns in recognition.proposals.items()} if recognition else {},
        "formats": table.formats.to_dict().get("columns", {}),
        "notes": list(table.notes),
        "snapshots": [{"snapshot": key.key, "note": key.note} for key in table.keys],
        "first_rows": [dict(row) for row in table.first_rows],
        "rejected": dict(table.rejected),
        "studies": _studies_of(table, studies),
        "errors": [error_document(error.code, error.message, error.remedy) for error in table.errors],
        "command": _command(path, table, options),
        "proposed_dialect": _proposed_dialect(table) or None,
    }


def _print(path: Path, table: InspectedTable, studies: Sequence[Study], options: IngestOptions) -> None:
    from tiktok_pipeline.output.print_rows import print_rows

    typer.echo("\n".join(one_line(line) if line else "" for line in _heading(table)))
    if table.columns:
        columns = [
            (column.name, column.canonical or "-", " | ".join(str(_short(cell)) for cell in column.cells))
            for column in table.columns
        ]
        print_rows(("column", "read as", "first cells"), columns, "table")
    if table.first_rows:
        typer.echo("first rows as they are read:")
        names = dict.fromkeys(name for row in table.first_rows for name in row)
        rows = [(name, *(_short(row.get(name)) for row in table.first_rows)) for name in names]
        print_rows(("column", *(f"row {number + 1}" for number in range(len(table.first_rows)))), rows, "table")
    typer.echo("\n".join(one_line(line) if line else "" for line in _conclusions(path, table, studies, options)))


def _heading(table: InspectedTable) -> Iterator[str]:
    yield f"{table.name}: {_layout_words(table) or 'cannot be opened'}"
    recognition = table.recognition
    if recognition is not None and not recognition.missing:
        yield f"recognized as {recognition.dialect}: {recognition.description}"
        if recognition.source.name != "profiles":
            yield f"read as {recognition.source.name.replace('_', ' ')}"
    for key in table.keys:
        yield f"snapshot {key.key}{f': {key.note}' if key.note else ''}"
    for name, column in table.formats.columns.items():
        example = f" (as in {column.example!r})" if column.example not in column.note else ""
        yield f"{name}: {column.note or 'converted'}{example}"
    for note in table.notes:
        if note not in table.formats.notes:
            yield f"note: {note}"


def _proposed_dialect(table: InspectedTable) -> str:
    """Return the TOML text of a dialect for a table whose columns are not certain; "" for any other."""
    from tiktok_pipeline.raw.dialects.save import proposed_text

    recognition = table.recognition
    if recognition is None or not (recognition.missing or recognition.proposals):
        return ""
    return proposed_text("my_dialect", recognition, description=f"like {one_line(table.name)}")


def _conclusions(
    path: Path, table: InspectedTable, studies: Sequence[Study], options: IngestOptions
) -> Iterator[str]:
    from tiktok_pipeline.ingest.inspection import CHECKED_ROWS
    from tiktok_pipeline.raw.dialects.messages import map_option, shown_name

    for reason, count in list(table.rejected.items())[:5]:
        yield f"{count:,} of the first {min(table.rows or 0, CHECKED_ROWS):,} records are rejected: {reason}"
    yield from _study_lines(table, studies)
    proposals = table.recognition.proposals if table.recognition else {}
    for canonical, columns in proposals.items():
        options_of = " or ".join(map_option(canonical, column) for column in columns[:3])
        yield f"not read: {' and '.join(map(shown_name, columns[:3]))} may be {canonical}; if so, add {options_of}"
    is_open = bool(table.recognition and table.recognition.missing)
    for error in table.errors:
        yield f"refused: {error.message if is_open else error}"
    command = _command(path, table, options)
    if not table.errors:
        yield f"to use it: {command}"
    elif is_open or table.first_rows:
        yield f"to settle it{_PLACEHOLDER if '=COLUMN' in command else ''}: {command}"
    if is_open:
        saved = command.replace("pipeline refresh", "pipeline inspect", 1)
        yield f"to settle it for every file of this form: {saved} --save-dialect NAME"
    if (proposed := _proposed_dialect(table)) and '"COLUMN"' not in proposed:  # a placeholder saves nothing
        yield "to read files of this form so from now on, check this text, and save it in the home as"
        yield "dialects/my_dialect.toml:"
        yield from proposed.splitlines()
    yield ""


def _short(cell: object) -> object:
    return one_line(cell, max_characters=_CELL_CHARACTERS) if isinstance(cell, str) else cell
