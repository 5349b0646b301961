"""The work behind ``export``: find the creators of a study in the published file and write them to a file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from tiktok_pipeline.cli.console import USAGE_ERROR, fail, info
from tiktok_pipeline.safe_text import formula_safe, one_line
from tiktok_pipeline.settings import Settings
from tiktok_pipeline.warehouse.duckdb.connection import ReadOnlyDatabase, open_read_only


def export_study(
    settings: Settings, study: str, out: Path, *, persona: str | None, snapshot: str | None, overwrite: bool
) -> None:
    """Write the creators of a study (of one persona, of one snapshot) to ``out``, the most certain first.

    A study without segments is written by score, the highest first.
    """
    import tiktok_pipeline.studies
    from tiktok_pipeline.output.write_rows import check_rows, check_target, write_file
    from tiktok_pipeline.study import load_studies

    studies = {one.name: one for one in load_studies(tiktok_pipeline.studies)}
    if study not in studies:  # from here on its name is a plain identifier
        fail(f"no study {study!r}; there are: {', '.join(studies)}", USAGE_ERROR)
    has_segments = studies[study].segmentation is not None
    if persona is not None and not has_segments:
        fail(f"study {study} has scores and no personas; leave --persona out", USAGE_ERROR)
    certain = "margin" if has_segments else "score"
    with _told(out):
        check_target(out, overwrite=overwrite)
    file = settings.published_file
    with open_read_only(file, memory_limit=settings.memory_limit, threads=settings.threads) as reader:
        creators, values = _creators(reader, file, study, persona, snapshot)
        _, ((rows,),) = reader.rows(f"select count(*) {creators}", values)
        with _told(out):
            check_rows(out, rows)  # before minutes of writing
            schema, batches = reader.batches(
                f"select * {creators} order by {certain} desc nulls last, account_id", values
            )
            written = write_file(out, schema, batches, guard=formula_safe, overwrite=overwrite)
    if written.cut:
        info(f"{written.cut:,} texts are longer than a cell can be and were cut; a .csv or .parquet holds them whole")
    info(f"{written.rows:,} creators")
    typer.echo(str(out))


@contextmanager
def _told(out: Path) -> Iterator[None]:
    """Turn what is wrong with the file to write into one line and an exit code."""
    from tiktok_pipeline.output.write_rows import ExportRefusedError

    try:
        yield
    except ExportRefusedError as problem:
        fail(one_line(str(problem)), USAGE_ERROR)
    except OSError as problem:
        fail(one_line(f"{out}: cannot be written: {problem.strerror or problem}"))


def _creators(
    reader: ReadOnlyDatabase, file: Path, study: str, persona: str | None, snapshot: str | None
) -> tuple[str, list[str]]:
    """The part of the query from ``from`` on, and its values; ends the command where there is nothing of that name."""
    view = "select 1 from information_schema.tables where table_schema = 'segments' and table_name = ?"
    is_published = reader.rows(view, [f"{study}_history"])[1]
    newest, history = f"from segments.{study}", f"from segments.{study}_history"
    snapshots = _names(reader, f"select distinct snapshot {history}") if is_published else []
    if not snapshots:
        fail(f"{file}: nothing of study {study} is there yet; run `tiktok-pipeline refresh FILE --study {study}`")
    if snapshot is None:
        creators, values = f"{newest} where true", []
    elif snapshot in snapshots:
        creators, values = f"{history} where snapshot = ?", [snapshot]
    else:
        fail(f"no snapshot {snapshot!r} of study {study}; there are: {', '.join(snapshots)}", USAGE_ERROR)
    if persona is None:
        return creators, values
    personas = _names(reader, f"select distinct persona {creators}", values)
    if persona not in personas:
        there = one_line(", ".join(personas))
        fail(f"no persona {persona!r} in study {study}; there are: {there}", USAGE_ERROR)
    return f"{creators} and persona = ?", [*values, persona]


def _names(reader: ReadOnlyDatabase, sql: str, values: list[str] | None = None) -> list[str]:
    return sorted(str(name) for (name,) in reader.rows(sql, values or [])[1])
