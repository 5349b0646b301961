"""Find every record of a creator in the stored files of a home."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.home.manifest import StoredFile, read_manifest, snapshots_on_disk
from tiktok_pipeline.privacy.suppression import (
    SuppressedRow,
    SuppressionList,
    read_suppression_list,
    suppressed_rows,
)
from tiktok_pipeline.raw.dialects import source_named
from tiktok_pipeline.raw.read import read_stored_file
from tiktok_pipeline.settings import Settings
from tiktok_pipeline.validated.identity import MOST_HANDLES, normal_handle
from tiktok_pipeline.warehouse.base import Engine


class SharedNumberError(PipelineError):
    """A number that was given for a creator is that of many accounts."""

    code = "shared_number"


@dataclass(frozen=True)
class CreatorRecords:
    """What the stored files hold of a creator.

    Attributes
    ----------
    handles, numbers : tuple of str
        Every handle and every platform number of the account.
    records : dict of (str, str) to tuple of int
        Ordinals of the records (from 1) by snapshot and file.
    placeholders : tuple of str
        Numbers in the records that more than `MOST_HANDLES` handles share, so that they identify nobody.
    """

    handles: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    records: dict[tuple[str, str], tuple[int, ...]] = field(default_factory=dict)
    placeholders: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Handles and numbers."""
        return (*self.handles, *self.numbers)


def find_creator(settings: Settings, name: str, engine: Engine) -> CreatorRecords:
    """Search every stored file for a creator; numbers are followed to the other handles of the same account.

    Parameters
    ----------
    settings : Settings
        The home to search.
    name : str
        A handle, with or without "@", or the platform's number.
    engine : Engine
        The engine that reads the files.

    Returns
    -------
    CreatorRecords
        Without records if no file has the name.

    Raises
    ------
    UnreadableFileError
        If a stored file cannot be read.
    SharedNumberError
        If ``name`` is a number that more than `MOST_HANDLES` accounts share.
    """
    name = normal_handle(name)
    suppression = read_suppression_list(settings.forgotten_file)
    numbers, placeholders = _numbers_of(name, settings.raw, suppression, engine)
    handles = {name, *(handle for number in numbers for handle in numbers[number])}
    only_this = SuppressionList(suppression.salt).with_names({*handles, *numbers})
    records = {
        (snapshot, entry.file): tuple(row.source_row for row in rows)
        for snapshot, entry, rows in _matching_files(settings.raw, only_this, engine)
    }
    if name in numbers:
        handles.discard(name)
    return CreatorRecords(tuple(sorted(handles)), tuple(sorted(numbers)), records, tuple(sorted(placeholders)))


def _numbers_of(
    name: str, raw: Path, suppression: SuppressionList, engine: Engine
) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """Return the numbers of a name with all of their handles, and those that too many handles share."""
    numbers = {name}
    for _, _, rows in _matching_files(raw, suppression.with_names([name]), engine):
        numbers |= {row.number for row in rows if row.number and row.handle == name}
    handles: dict[str, set[str]] = {}
    for _, _, rows in _matching_files(raw, suppression.with_names(numbers), engine):
        for row in rows:
            if row.number in numbers:
                handles.setdefault(row.number, set()).update({row.handle} - {""})
    placeholders = {number: found for number, found in handles.items() if len(found) > MOST_HANDLES}
    if name in placeholders:
        some = ", ".join(sorted(placeholders[name])[:MOST_HANDLES])
        raise SharedNumberError(
            f"{name}: {len(placeholders[name])} accounts have this number, such as {some}, so it identifies nobody",
            remedy="name the handle",
        )
    return {number: found for number, found in handles.items() if number not in placeholders}, placeholders


def _matching_files(
    raw: Path, suppression: SuppressionList, engine: Engine
) -> Iterator[tuple[str, StoredFile, list[SuppressedRow]]]:
    """Yield (snapshot, file, records) of every stored file that has a record of the list."""
    for snapshot in snapshots_on_disk(raw):
        for entry in read_manifest(raw / snapshot):
            rows = read_stored_file(
                raw / snapshot / entry.file,
                dialect=entry.dialect,
                source=entry.source,
                columns=entry.columns,
                engine=engine,
                forgotten=entry.forgotten_rows,
            )
            if matches := suppressed_rows(rows, source_named(entry.source), suppression, engine):
                yield snapshot, entry, matches
