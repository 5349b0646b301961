"""Show how a delivered file would be read, with the functions that register it; nothing is stored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import groupby, islice
from pathlib import Path
from typing import Any

from tiktok_pipeline.delivery.open_delivery import open_delivery
from tiktok_pipeline.delivery.tables import DeliveredTable, Layout
from tiktok_pipeline.errors import FileError
from tiktok_pipeline.ingest.config import IngestConfig
from tiktok_pipeline.ingest.options import IngestOptions
from tiktok_pipeline.ingest.prepare import PreparedFile, prepare_file
from tiktok_pipeline.ingest.snapshot_key import SnapshotKey, choose_keys
from tiktok_pipeline.raw.dialects import Recognition, UnknownDialectError, is_known_name, match_columns
from tiktok_pipeline.raw.dialects.column_names import unique_names
from tiktok_pipeline.raw.read import read_file
from tiktok_pipeline.raw.schema import VIDEOS
from tiktok_pipeline.raw.snapshots import SnapshotKeyError, file_format
from tiktok_pipeline.safe_text import visible_name
from tiktok_pipeline.validated.formats.formats import Formats
from tiktok_pipeline.validated.validate import validate_source
from tiktok_pipeline.validated.videos import latest_time, validate_videos
from tiktok_pipeline.warehouse.base import Engine, ScannedFile

SAMPLE_ROWS = 50
"""Records whose cells are evidence for doubtful columns."""

CHECKED_ROWS = 1_000
"""Records that are validated to show the first rows as they will be read."""

SHOWN_ROWS = 5
SHOWN_CELLS = 3


@dataclass(frozen=True, kw_only=True)
class InspectedColumn:
    """A column of a file, the canonical column that it becomes ("" for none), and its first cells."""

    name: str
    canonical: str
    cells: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class InspectedTable:
    """What `inspect` shows of one table of a delivered file.

    Attributes
    ----------
    name : str
        The file's name, with member or sheet where the file has several.
    layout : Layout, optional
        How the file writes the table; None if the file cannot be opened.
    columns : tuple of InspectedColumn
        The columns in the order of the file.
    recognition : Recognition, optional
        The mapping, also an incomplete one; None if no dialect can be chosen.
    formats : Formats
        The formats of numbers and dates.
    rows, usable_rows : int or None
        Records, and those that name a creator and the followers; None if the table is refused.
    keys : tuple of SnapshotKey
        The snapshots that the table would get; several for a daily history.
    first_rows : tuple of mapping of str to Any
        The first valid rows as they will be in ``validated.<source>``, without empty cells.
    available : frozenset of str
        The columns of ``validated.<source>`` that have a value in the first `CHECKED_ROWS` records.
    rejected : mapping of str to int
        The reasons for which some of the first `CHECKED_ROWS` records would be rejected, and how many.
    notes : tuple of str
        What is unusual, one sentence each.
    errors : tuple of FileError
        Why the table would be refused.
    """

    name: str
    layout: Layout | None = None
    columns: tuple[InspectedColumn, ...] = ()
    recognition: Recognition | None = None
    formats: Formats = field(default_factory=Formats)
    rows: int | None = None
    usable_rows: int | None = None
    keys: tuple[SnapshotKey, ...] = ()
    first_rows: tuple[Mapping[str, Any], ...] = ()
    available: frozenset[str] = frozenset()
    rejected: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    errors: tuple[FileError, ...] = ()


def inspect_file(
    path: Path, folder: Path, config: IngestConfig, options: IngestOptions, *, today: date
) -> list[InspectedTable]:
    """Return how a delivered file would be read.

    Parameters
    ----------
    path : Path
        The file as it came.
    folder : Path
        A new folder for copies.
    config : IngestConfig
        The home's settings.
    options : IngestOptions
        What the person who delivers says about the file.
    today : date
        The UTC day.

    Returns
    -------
    list of InspectedTable
        Several for a file with several tables, and for items that become profiles and videos. A file that would be
        refused has ``errors``.
    """
    try:
        prepared = prepare_file(path, folder, config, options, today=today)
    except FileError as error:
        return _refused(path, folder / "delivered", config, options, error)
    tables = []
    for _, group in groupby(prepared, key=lambda file: (file.layout.member, file.recognition.source.name)):
        files = list(group)
        tables.append(_inspect(files, _keys_of(files, options, today), config.engine, today))
    return tables


def _keys_of(
    files: Sequence[PreparedFile], options: IngestOptions, today: date
) -> list[SnapshotKey] | SnapshotKeyError:
    """Return the snapshots of the files of one table, or why there is none."""
    days = [file.day for file in files if file.day is not None]
    if days:
        return [SnapshotKey(day.isoformat()) for day in days]
    try:
        return choose_keys([file.dated for file in files], today=today, given=options.snapshot)
    except SnapshotKeyError as error:
        return error


def _inspect(
    files: Sequence[PreparedFile], keys: list[SnapshotKey] | SnapshotKeyError, engine: Engine, today: date
) -> InspectedTable:
    file = files[-1]
    format_ = file_format(file.path)
    if format_ is None:
        msg = f"{file.path} has the ending of no format"
        raise AssertionError(msg)
    with engine.reading(file.delivered):
        scan = engine.scan(file.path, format_)
        checked = _check_rows(file, scan, engine, today)
        columns = _columns(scan, file.recognition)
    member = f": {file.layout.member}" if file.layout.member else ""
    return InspectedTable(
        name=visible_name(f"{file.delivered.name}{member}"),
        layout=file.layout,
        columns=columns,
        recognition=file.recognition,
        formats=file.formats,
        rows=sum(part.rows for part in files),
        usable_rows=sum(part.usable_rows for part in files),
        keys=tuple(keys) if isinstance(keys, list) else (),
        first_rows=checked.first,
        available=checked.available,
        rejected=checked.rejected,
        notes=file.notes,
        errors=(keys,) if isinstance(keys, SnapshotKeyError) else (),
    )


def _columns(scan: ScannedFile, recognition: Recognition) -> tuple[InspectedColumn, ...]:
    header = unique_names(scan.header)
    cells = scan.rows.sort("source_row").head(SHOWN_CELLS).collect("pyarrow").to_native()
    canonical = {column: name for name, column in recognition.columns.items()}
    return tuple(
        InspectedColumn(
            name=name,
            canonical=canonical.get(name, ""),
            cells=tuple(cell for cell in cells[f"cell_{number}"].to_pylist() if cell is not None),
        )
        for number, name in enumerate(header)
    )


@dataclass(frozen=True)
class _CheckedRows:
    """The first valid rows, the columns with a value, and the reasons of rejected rows, each with its count."""

    first: tuple[Mapping[str, Any], ...]
    available: frozenset[str]
    rejected: Mapping[str, int]


def _check_rows(file: PreparedFile, scan: ScannedFile, engine: Engine, today: date) -> _CheckedRows:
    """Validate the first `CHECKED_ROWS` records of a file."""
    name = file.path.name
    raw = read_file(scan, file.recognition, source_file=name, engine=engine, forgotten=file.forgotten_rows)
    try:
        rows = engine.persist(raw.sort("source_row").head(CHECKED_ROWS))
        if file.recognition.source == VIDEOS:
            result = validate_videos(rows, engine, latest=latest_time(today))
        else:
            result = validate_source(
                rows,
                file.recognition.source,
                engine,
                formats={name: file.formats},
                columns={name: tuple(file.recognition.columns)},
            )
        valid = result.valid.sort("source_row").collect("pyarrow").to_native()
        reasons = result.rejected.select("reasons").collect("pyarrow").to_native()["reasons"].to_pylist()
    finally:
        engine.unpersist_all()
    columns = [column for column in valid.column_names if column not in ("source_file", "source_row")]
    first = tuple(
        {column: row[column] for column in columns if row[column] is not None}
        for row in valid.slice(0, SHOWN_ROWS).to_pylist()
    )
    available = frozenset(column for column in columns if valid[column].null_count < valid.num_rows)
    counts = Counter(reason for row in reasons for reason in row)
    return _CheckedRows(first, available, dict(counts.most_common()))


def _refused(
    path: Path, delivered: Path, config: IngestConfig, options: IngestOptions, error: FileError
) -> list[InspectedTable]:
    """Return what can be shown of a file that is refused."""
    try:
        tables = open_delivery(delivered, largest_bytes=config.largest_bytes, name=path.name, knows=is_known_name)
    except (FileError, OSError):
        return [InspectedTable(name=visible_name(path.name), errors=(error,))]
    return [_refused_table(table, config, options, error) for table in tables]


def _refused_table(
    table: DeliveredTable, config: IngestConfig, options: IngestOptions, error: FileError
) -> InspectedTable:
    recognition = None
    try:
        sample = [record.cells for record in islice(table.records(), SAMPLE_ROWS) if record.problem is None]
        recognition = match_columns(
            table.header, file=table.name, sample=sample, column_map=options.column_map, dialects=config.dialects
        )
    except UnknownDialectError:
        pass
    except FileError as damage:
        return InspectedTable(name=table.name, layout=table.layout, errors=(damage,))
    canonical = {column: name for name, column in recognition.columns.items()} if recognition else {}
    columns = tuple(
        InspectedColumn(
            name=name,
            canonical=canonical.get(name, ""),
            cells=tuple(cell for row in sample[:SHOWN_CELLS] if (cell := row[number]) is not None),
        )
        for number, name in enumerate(table.header)
    )
    return InspectedTable(
        name=table.name,
        layout=table.layout,
        columns=columns,
        recognition=recognition,
        notes=(*table.layout.notes, *(recognition.notes if recognition else ())),
        errors=(error,),
    )
