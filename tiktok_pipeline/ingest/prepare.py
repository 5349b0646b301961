"""Prepare a delivered file for its snapshot: copy, open, convert, recognize and measure it; nothing is stored yet.

A plain file is stored as delivered, byte for byte. Everything else is converted once, to a Parquet file of texts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Any

import narwhals as nw

from tiktok_pipeline.delivery.convert import write_text_parquet
from tiktok_pipeline.delivery.open_delivery import open_delivery
from tiktok_pipeline.delivery.research_api import with_usernames
from tiktok_pipeline.delivery.tables import DeliveredTable, Layout, Record, quote_cell
from tiktok_pipeline.errors import FileError
from tiktok_pipeline.home.manifest import file_sha256
from tiktok_pipeline.ingest.config import IngestConfig
from tiktok_pipeline.ingest.history import split_by_day
from tiktok_pipeline.ingest.measure import Measures, history_days, measure_rows
from tiktok_pipeline.ingest.options import IngestOptions
from tiktok_pipeline.ingest.snapshot_key import DatedFile, choose_day
from tiktok_pipeline.ingest.staging import copy_file
from tiktok_pipeline.ingest.stored_name import preferred_name
from tiktok_pipeline.ingest.transform import transform
from tiktok_pipeline.privacy.content import mentioned_names
from tiktok_pipeline.privacy.redact import redact
from tiktok_pipeline.privacy.suppression import suppressed_rows
from tiktok_pipeline.raw.dialects import Recognition, UnknownDialectError, is_known_name, recognize
from tiktok_pipeline.raw.dialects.messages import inspect_command
from tiktok_pipeline.raw.read import FORGOTTEN_RECORD, check_competing, read_file
from tiktok_pipeline.validated.formats.formats import FormatOptions, Formats
from tiktok_pipeline.validated.videos import newest_video_day
from tiktok_pipeline.warehouse.base import FileFormat, UnreadableFileError

_SAMPLE_ROWS = 50


@dataclass(frozen=True, kw_only=True)
class PreparedFile:
    """A file that can be stored: a staged copy, how it is read, and what it holds.

    Attributes
    ----------
    delivered : Path
        The file as it came.
    delivered_sha256 : str
        Its hash.
    path : Path
        The staged file.
    name : str
        The name under which it is stored, if no other file of the snapshot has it.
    layout : Layout
        How the delivered file was read.
    recognition : Recognition
        How it spells the canonical columns.
    formats : Formats
        The formats of its columns.
    rows, usable_rows : int
        As in `Measures`.
    dated : DatedFile
        What decides its snapshot.
    forgotten_rows : tuple of int
        The ordinals of the blanked records of suppressed creators.
    notes : tuple of str
        What is unusual about the file, one sentence each.
    day : date, optional
        The day of the rows of a daily history, which is their snapshot.
    """

    delivered: Path
    delivered_sha256: str
    path: Path
    name: str
    layout: Layout
    recognition: Recognition
    formats: Formats
    rows: int
    usable_rows: int
    dated: DatedFile
    forgotten_rows: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()
    day: date | None = None


@dataclass(frozen=True, kw_only=True)
class _Staged:
    """A table of a delivered file as it will be stored, and what was measured on it."""

    path: Path
    is_plain: bool
    measures: Measures
    newest_video: date | None
    forgotten_rows: tuple[int, ...]


def prepare_file(
    path: Path, folder: Path, config: IngestConfig, options: IngestOptions, *, today: date
) -> list[PreparedFile]:
    """Prepare a delivered file.

    Parameters
    ----------
    path : Path
        The file as it came; a link is not followed.
    folder : Path
        A new folder on the file system of the snapshots.
    config : IngestConfig
        The home's settings.
    options : IngestOptions
        What the person who delivers says about the file.
    today : date
        The UTC day.

    Returns
    -------
    list of PreparedFile
        Several for an archive with several members, and for a daily history.

    Raises
    ------
    FileError
        If the file is damaged, too large, without rows, of no known dialect, or can be read in two ways.
    """
    folder.mkdir(parents=True)
    staged = folder / "delivered"
    copy_file(path, staged)
    sha256 = file_sha256(staged)
    tables = open_delivery(staged, largest_bytes=config.largest_bytes, name=path.name, knows=is_known_name)
    preparation = _Preparation(path, staged, sha256, config, options, today, len(tables) > 1)
    prepared: list[PreparedFile] = []
    left_out: list[FileError] = []
    for number, table in enumerate(tables):
        try:
            prepared += preparation.prepare(table, folder / str(number))
        except UnknownDialectError as error:
            left_out.append(error)
    if not prepared:
        raise left_out[0]
    notes = tuple(f"not ingested: {error.message}" for error in left_out)
    return [replace(file, notes=(*file.notes, *notes)) for file in prepared]


@dataclass(frozen=True)
class _Preparation:
    """One delivered file on its way into the home."""

    delivered: Path
    staged: Path
    sha256: str
    config: IngestConfig
    options: IngestOptions
    today: date
    has_several: bool

    def prepare(self, table: DeliveredTable, folder: Path) -> list[PreparedFile]:
        """Recognize a table, stage it in the form in which it is stored, and measure it."""
        table = with_usernames(table, self.delivered)
        sample = [record.cells for record in islice(table.records(), _SAMPLE_ROWS) if record.problem is None]
        try:
            recognition = recognize(
                table.header,
                file=table.name,
                sample=sample,
                column_map=self.options.column_map,
                dialects=self.config.dialects,
            )
        except UnknownDialectError as error:  # the command needs the path, the message only the name
            remedy = (error.remedy or "").replace(inspect_command(table.name), inspect_command(str(self.delivered)))
            raise type(error)(error.message, remedy=remedy or None) from error
        _check_conflicts(table, recognition, self.options.column_map)
        _check_lists(table, recognition, sample)
        prepared: list[PreparedFile] = []
        for part in transform(table, recognition):
            prepared += self._prepare_table(part.table, part.recognition, folder / part.suffix, part.suffix)
        # The profiles of a file of items have the day of its newest video.
        newest = max((file.dated.newest_video for file in prepared if file.dated.newest_video), default=None)
        return [replace(file, dated=replace(file.dated, newest_video=newest)) for file in prepared]

    def _prepare_table(
        self, table: DeliveredTable, recognition: Recognition, folder: Path, suffix: str
    ) -> list[PreparedFile]:
        folder.mkdir(exist_ok=True)
        staged = self._stage(table, recognition, folder, suffix or self._member(table))
        days = [] if self.options.newest or self.options.snapshot else history_days(staged.measures, today=self.today)
        file = self._prepared(table, recognition, staged)
        return self._split(table, file, staged, days, folder) if days else [file]

    def _stage(self, table: DeliveredTable, recognition: Recognition, folder: Path, member: str) -> _Staged:
        """Stage a table as delivered if its bytes can be read as they are, else as a Parquet file of texts."""
        if table.plain_format is not None and table.layout.compression in {"", "gzip"} and not self.has_several:
            name = preferred_name(self.delivered, table.plain_format, is_gzip=table.layout.compression == "gzip")
            plain = folder / name
            plain.hardlink_to(self.staged)
            if (staged := self._stage_plain(table, recognition, plain, table.plain_format)) is not None:
                return staged
            plain.unlink()  # a Parquet file is stored under the same name: its copy must not be written into it
        path = folder / preferred_name(self.delivered, "parquet", member=member)
        count = write_text_parquet(table, path)
        staged = self._measured(table, recognition, path, "parquet", is_plain=False)
        if staged.measures.rows != count:
            msg = f"{table.name}: {count} records were read, and {staged.measures.rows} after they were stored"
            raise UnreadableFileError(msg, remedy="report this as a defect of the program")
        if staged.forgotten_rows:
            path.unlink()
            write_text_parquet(_without_records(table, staged.forgotten_rows), path)
        self._redact(path, recognition)
        return staged

    def _stage_plain(
        self, table: DeliveredTable, recognition: Recognition, path: Path, format_: FileFormat
    ) -> _Staged | None:
        """Measure a plain file as the engine reads it; None if the engine does not read what our reader counted."""
        try:
            with self.config.engine.reading(self.delivered):
                if self.config.engine.scan(path, format_).header != table.header:
                    return None
            staged = self._measured(table, recognition, path, format_, is_plain=True)
        except UnreadableFileError:
            return None
        if table.n_records is not None and staged.measures.rows != table.n_records:
            return None
        self._redact(path, recognition, staged.forgotten_rows)
        return staged

    def _redact(self, path: Path, recognition: Recognition, rows: Collection[int] = ()) -> None:
        """Blank records of a staged file, and replace what it mentions of creators who asked to be forgotten."""
        suppression = self.config.suppression
        mentioned = mentioned_names(path, suppression) if suppression else []
        if rows or mentioned:
            blanked = path.with_name(f"blanked-{path.name}")
            redact(path, blanked, rows=rows, mentions=mentioned, columns=recognition.columns.values())
            blanked.replace(path)

    def _measured(
        self, table: DeliveredTable, recognition: Recognition, path: Path, format_: FileFormat, *, is_plain: bool
    ) -> _Staged:
        config, engine = self.config, self.config.engine
        with engine.reading(self.delivered):
            scan = engine.scan(path, format_)
            check_competing(scan, recognition, file=table.name, engine=engine)
            rows = read_file(scan, recognition, source_file=path.name, engine=engine)
            measures = measure_rows(
                rows,
                recognition.source,
                engine,
                file=table.name,
                today=self.today,
                options=_format_options(self.options, recognition),
            )
            if not measures.rows:
                raise UnreadableFileError(f"{table.name}: has a header but no rows", remedy="export it again")
            suppressed = (
                suppressed_rows(rows, recognition.source, config.suppression, engine) if config.suppression else []
            )
        if len(suppressed) == measures.rows:
            raise UnreadableFileError(
                f"{table.name}: holds only creators who asked to be forgotten", remedy="delete the file"
            )
        return _Staged(
            path=path,
            is_plain=is_plain,
            measures=measures,
            newest_video=self._newest_video(rows, measures),
            forgotten_rows=tuple(row.source_row for row in suppressed),
        )

    def _newest_video(self, rows: nw.LazyFrame[Any], measures: Measures) -> date | None:
        """Return the day of the newest video, if nothing else shows the day of the file."""
        names = rows.collect_schema().names()
        is_dated = bool(self.options.snapshot) or choose_day(measures.rows_by_day, today=self.today) is not None
        if is_dated or not {"top_videos", "video_id"} & set(names):
            return None
        return newest_video_day(rows, self.config.engine, today=self.today)

    def _prepared(self, table: DeliveredTable, recognition: Recognition, staged: _Staged) -> PreparedFile:
        layout = replace(table.layout, member=self._member(table))
        return PreparedFile(
            delivered=self.delivered,
            delivered_sha256=self.sha256,
            path=staged.path,
            name=staged.path.name,
            layout=layout,
            recognition=recognition,
            formats=staged.measures.formats,
            rows=staged.measures.rows,
            usable_rows=staged.measures.usable_rows,
            dated=DatedFile(self.delivered.name, staged.measures.rows_by_day, staged.newest_video),
            forgotten_rows=staged.forgotten_rows,
            notes=(*layout.notes, *recognition.notes, *staged.measures.formats.notes),
        )

    def _split(
        self, table: DeliveredTable, file: PreparedFile, staged: _Staged, days: Sequence[date], folder: Path
    ) -> list[PreparedFile]:
        """Return a file for each day of a daily history; rows without a day go with the newest one."""
        complete = staged.path
        if staged.is_plain:
            complete = folder / "complete.parquet"
            write_text_parquet(_without_records(table, staged.forgotten_rows), complete)
            self._redact(complete, file.recognition)
        name = preferred_name(self.delivered, "parquet", member=self._member(table))
        slices = split_by_day(complete, staged.measures.days_of_rows, days, folder)
        note = f"a history of {len(days)} days: each day is a snapshot (--newest makes one of them)"
        return [
            replace(
                file,
                path=part.path,
                name=name,
                rows=part.rows,
                usable_rows=min(part.rows, file.usable_rows),
                day=part.day,
                forgotten_rows=tuple(part.source_rows(file.forgotten_rows)),
                notes=(*file.notes, note),
            )
            for part in slices
        ]

    def _member(self, table: DeliveredTable) -> str:
        """Return the member or sheet, where the delivered file has several."""
        return table.layout.member if self.has_several else ""


def _check_conflicts(table: DeliveredTable, recognition: Recognition, column_map: Mapping[str, str]) -> None:
    """Refuse a repeated column with different cells, unless the user chose one of them."""
    for canonical, column in recognition.columns.items():
        if column in table.conflicts and canonical not in column_map:
            raise UnknownDialectError(
                f"{table.name}: column {column}, which is {canonical}, occurs more than once with different cells",
                remedy="keep one of them",
            )


def _check_lists(table: DeliveredTable, recognition: Recognition, sample: Sequence[Sequence[str | None]]) -> None:
    """Refuse records that hold the cells of several creators each."""
    for canonical in ("account_id", "followers"):
        column = recognition.columns.get(canonical, "")
        place = table.header.index(column) if column in table.header else len(table.header)
        cells = [row[place] or "" for row in sample if place < len(row)]
        if cells and all(cell.startswith("[") and cell.endswith("]") for cell in cells):
            raise UnknownDialectError(
                f"{table.name}: {column} holds lists, such as {quote_cell(cells[0])}; expected one creator",
                remedy="export one record for each creator",
            )


def _format_options(options: IngestOptions, recognition: Recognition) -> FormatOptions:
    """Return what is known about the formats: the options of the call come before the dialect."""
    return FormatOptions(
        decimal=options.decimal,
        dates=options.dates or recognition.dates,
        rates=options.rates,
        units=recognition.units,
        powers=recognition.powers,
    )


def _without_records(table: DeliveredTable, ordinals: Collection[int]) -> DeliveredTable:
    """Return a table in which some records have a position and no cells."""
    if not ordinals:
        return table
    blanked = frozenset(ordinals)

    def read() -> Iterator[Record]:
        for record in table.records():
            if record.row in blanked:
                yield Record(record.row, record.line, (None,) * len(record.cells), FORGOTTEN_RECORD)
            else:
                yield record

    return replace(table, read=read)
