"""The command ``score``: put the creators of a file into the segments of a study that is there already."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tiktok_pipeline.cli.console import (
    CommandFailedError,
    CommandUsageError,
    QuietOption,
    TableFormat,
    exit_on_expected_error,
    info,
    read_settings,
    select_studies,
)
from tiktok_pipeline.settings import Settings

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from tiktok_pipeline.analysis.score_rows import StoredResults
    from tiktok_pipeline.ingest.options import IngestOptions
    from tiktok_pipeline.study import Study
    from tiktok_pipeline.warehouse.base import Warehouse
    from tiktok_pipeline.warehouse.duckdb.connection import ReadOnlyDatabase

_REASONS = 5
_TABLE_COLUMNS = (
    "account_id",
    "persona",
    "margin",
    "runner_up",
    "missing",
    "score",
    "predicted",
    "followers",
    "likes",
    "videos_count",
    "avg_engagement_rate",
    "engagement_index",
    "monetization_maturity",
)
"""The columns that a terminal has space for; the other formats have all."""


def score(
    file: Annotated[Path, typer.Argument(help="A file with creators, of any type that refresh reads.")],
    study: Annotated[str, typer.Option(help="Name of the study, such as balanced_segments.")],
    snapshot: Annotated[
        str | None, typer.Option(help="Key of the snapshot with the model; by default the newest that has one.")
    ] = None,
    *,
    output: Annotated[
        Path | None, typer.Option(help="File to write: .csv, .xlsx, .parquet or .json. By default rows are printed.")
    ] = None,
    table_format: Annotated[TableFormat, typer.Option("--format", help="How to print the rows.")] = TableFormat.TABLE,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file if it exists.")] = False,
    decimal: Annotated[str | None, typer.Option(help="Decimal mark of the numbers, . or ,; as for refresh.")] = None,
    dates: Annotated[
        str | None, typer.Option(help="Order of dates: day-first, month-first or year-day-month.")
    ] = None,
    rates: Annotated[str | None, typer.Option(help="Unit of rates: fraction or percent; as for refresh.")] = None,
    column_map: Annotated[
        list[str] | None,
        typer.Option(
            "--map", help="Name a column: followers=Fans reads the column Fans as the followers. Repeatable."
        ),
    ] = None,
    _quiet: QuietOption = False,
) -> None:
    """Assign the creators of a file to the segments of a study, and store nothing.

    The model is that of an earlier refresh, so a short list gets the segments
    of the whole population. Each row has the persona, the margin (near 0: on
    the border to the runner-up), the features that are missing, and the
    profile; a table shows the most important columns. A study with a
    classifier adds the score.
    """
    with exit_on_expected_error():
        settings = read_settings()
        (chosen,) = select_studies([study])
        from tiktok_pipeline.cli.ingest_options import read_ingest_options

        options = read_ingest_options(None, decimal=decimal, dates=dates, rates=rates, column_map=column_map)
        if output is not None:
            from tiktok_pipeline.output.write_rows import check_target

            check_target(output, overwrite=overwrite)
        results = _stored_results(settings, chosen, snapshot)
        rows = _scored_rows(settings, file, results, options)
        if output is None:
            from tiktok_pipeline.output.print_rows import print_rows

            if table_format is TableFormat.TABLE:
                rows = rows.select([name for name in _TABLE_COLUMNS if name in rows.column_names])
            cells = [tuple(row.values()) for row in rows.to_pylist()]
            print_rows(rows.column_names, cells, table_format.value)
        else:
            _write(output, rows, overwrite=overwrite)


def _stored_results(settings: Settings, study: Study, snapshot: str | None) -> StoredResults:
    """Return the models of a study in a snapshot, from the published file.

    Raises
    ------
    CommandFailedError
        If no snapshot has a model of the study.
    CommandUsageError
        If the given snapshot has none.
    """
    from tiktok_pipeline.analysis.score_rows import StoredResults
    from tiktok_pipeline.classifiers import scoring_model
    from tiktok_pipeline.clusters import model
    from tiktok_pipeline.warehouse.duckdb.connection import open_read_only

    stage = "clusters" if study.segmentation is not None else "classifiers"
    file = settings.published_file
    with open_read_only(file, memory_limit=settings.memory_limit, threads=settings.threads) as database:
        query = f"select distinct snapshot from {stage}.models where study = ? order by 1"  # noqa: S608
        known = [str(key) for (key,) in database.rows(query, [study.name])[1]]
        if not known:
            msg = f"{file}: no snapshot has a model of study {study.name}"
            raise CommandFailedError(msg, remedy=f"run `tiktok-pipeline refresh FILE --study {study.name}` first")
        if snapshot is not None and snapshot not in known:
            msg = f"no snapshot {snapshot!r} with a model of study {study.name}; there are: {', '.join(known)}"
            raise CommandUsageError(msg)
        key = snapshot or known[-1]
        segments, scores = (_models(database, name, key, study.name) for name in ("clusters", "classifiers"))
        named = "select cluster, persona from personas.summaries where snapshot = ? and study = ?"
        personas = database.rows(f"{named} and cluster is not null", [key, study.name])[1]
        bases = database.rows(
            "select distinct basis from clusters.fits where snapshot = ? and study = ? and basis is not null",
            [key, study.name],
        )[1]
    by = f", which compares creators by {bases[0][0]}" if bases else ""
    info(f"the model of study {study.name} in snapshot {key}{by}")
    return StoredResults(
        study=study,
        snapshot=key,
        segments=model.from_frame(segments),
        personas={int(cluster): str(persona) for cluster, persona in personas},
        scores=scoring_model.from_frame(scores),
    )


def _models(database: ReadOnlyDatabase, stage: str, snapshot: str, study: str) -> pd.DataFrame:
    import pandas as pd

    names, rows = database.rows(
        f"select * exclude (snapshot, study) from {stage}.models where snapshot = ? and study = ?",  # noqa: S608
        [snapshot, study],
    )
    return pd.DataFrame(rows, columns=names)


def _scored_rows(settings: Settings, file: Path, results: StoredResults, options: IngestOptions) -> pa.Table:
    """Return one row for each creator of the file, and print what was left out."""
    from tiktok_pipeline.analysis.score_rows import score_rows
    from tiktok_pipeline.ingest.inbox import ingest_config
    from tiktok_pipeline.ingest.validated_rows import PART, store_validated_rows
    from tiktok_pipeline.raw.schema import SOURCES
    from tiktok_pipeline.validated.schema import TABLES
    from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse

    source = next(source for source in SOURCES if source.name == results.study.source)
    with DuckDBWarehouse(None, memory_limit=settings.memory_limit, threads=settings.threads) as warehouse:
        store_validated_rows(file, source, ingest_config(settings, warehouse), options, warehouse)
        validated = warehouse.read_slice(TABLES[source.name], PART)
        scored = score_rows(validated, results, warehouse, slice_={**PART, "study": results.study.name})
        rows: pa.Table = scored.collect("pyarrow").to_native()
        info(f"{rows.num_rows:,} creators")
        _print_rejected(warehouse)
    if results.segments is not None:
        _print_missing(rows, results)
    return rows


def _print_rejected(warehouse: Warehouse) -> None:
    """Print how many rows are not in the result, and their most frequent reasons."""
    from collections import Counter

    from tiktok_pipeline.ingest.validated_rows import PART
    from tiktok_pipeline.validated.schema import REJECTED_TABLE

    rows = warehouse.read_slice(REJECTED_TABLE, PART).select("reasons").collect("pyarrow").to_native()
    if not rows.num_rows:
        return
    counts = Counter(reasons[0] for reasons in rows["reasons"].to_pylist())
    listed = "; ".join(f"{reason} ({count:,})" for reason, count in counts.most_common(_REASONS))
    are = "row is" if rows.num_rows == 1 else "rows are"
    info(f"{rows.num_rows:,} {are} not among them: {listed}")


def _print_missing(rows: pa.Table, results: StoredResults) -> None:
    """Print how many creators have no segment, and which features they lack."""
    from collections import Counter

    lacking = [text for text in rows["missing"].to_pylist() if text]
    if not lacking:
        return
    listed = "; ".join(f"{text} ({count:,})" for text, count in Counter(lacking).most_common(_REASONS))
    have = "creator has" if len(lacking) == 1 else "creators have"
    info(f"{len(lacking):,} {have} no segment, because a feature of the model is missing: {listed}")
    if len(lacking) == rows.num_rows:
        info(f"--snapshot names another model of {results.study.name}; see `tiktok-pipeline snapshots`")


def _write(output: Path, rows: pa.Table, *, overwrite: bool) -> None:
    from tiktok_pipeline.output.write_rows import check_rows, write_file
    from tiktok_pipeline.safe_text import formula_safe

    check_rows(output, rows.num_rows)
    try:
        batches = rows.to_batches(max_chunksize=20_000)
        written = write_file(output, rows.schema, batches, guard=formula_safe, overwrite=overwrite)
    except OSError as error:
        msg = f"{output}: cannot be written: {error.strerror or error}"
        raise CommandFailedError(msg) from error
    if written.cut:
        info(f"{written.cut:,} texts were cut to the longest that a cell can hold")
    typer.echo(str(output))
