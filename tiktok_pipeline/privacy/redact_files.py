"""Rewrite the stored files of a home without the records of suppressed creators and without mentions of them."""

from __future__ import annotations

import tempfile
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

import narwhals as nw

from tiktok_pipeline.errors import FileError
from tiktok_pipeline.frames import count_rows
from tiktok_pipeline.home.cleanup import STAGING_PREFIX
from tiktok_pipeline.home.manifest import StoredFile, file_sha256, read_manifest, snapshots_on_disk, store_files
from tiktok_pipeline.privacy.content import contains_name, mentioned_names
from tiktok_pipeline.privacy.mentions import FORGOTTEN_NAME, TextChange, change_label, is_handle, mention_replacer
from tiktok_pipeline.privacy.redact import redact
from tiktok_pipeline.privacy.spelling import is_distinctive, name_in_path, name_pattern
from tiktok_pipeline.privacy.suppression import SuppressionList, suppressed_rows
from tiktok_pipeline.raw.dialects import is_known_name, source_named
from tiktok_pipeline.raw.dialects.column_names import unique_names
from tiktok_pipeline.raw.read import read_stored_file
from tiktok_pipeline.raw.schema import Source
from tiktok_pipeline.raw.snapshots import file_format
from tiktok_pipeline.text_files import read_header
from tiktok_pipeline.warehouse.base import Engine


def redact_stored_files(raw: Path, suppression: SuppressionList, *, names: Collection[str], engine: Engine) -> int:
    """Rewrite each stored file that has a record of a suppressed creator, or one of their names.

    A file that holds nothing else is removed from its snapshot. A name in the name of a file is replaced too.

    Parameters
    ----------
    raw : Path
        The folder of the snapshots.
    suppression : SuppressionList
        The creators whose records are blanked, and whose mentions ("@handle") are replaced.
    names : collection of str
        Handles and numbers that are replaced wherever they occur in the records of others, see
        `tiktok_pipeline.privacy.mentions`; what is no handle is ignored.
    engine : Engine
        The engine that reads the files.

    Returns
    -------
    int
        The number of blanked records.

    Raises
    ------
    UnreadableFileError, RedactionError
        If a file cannot be read or rewritten; the files before it are already rewritten.
    """
    known = {name.lower() for name in names if is_handle(name)}
    blanked = 0
    for snapshot in snapshots_on_disk(raw):
        for entry in read_manifest(raw / snapshot):
            path = raw / snapshot / entry.file
            source = source_named(entry.source)
            rows = _read_entry(path, entry, engine)
            ordinals = {row.source_row for row in suppressed_rows(rows, source, suppression, engine)}
            ordinals |= damaged_rows_naming(rows, source, known, engine)
            replaced = sorted(known.union(mentioned_names(path, suppression)))
            if ordinals or (replaced and _has_name(path, entry, replaced)):
                _redact_stored_file(raw / snapshot, entry, ordinals, replaced, engine)
            blanked += len(ordinals)
    return blanked


def damaged_rows_naming(rows: nw.LazyFrame[Any], source: Source, names: Collection[str], engine: Engine) -> set[int]:
    """Return the ordinals of damaged records that hold one of the names anywhere.

    The cells of a damaged record may be in the wrong columns, or not be split at all: whose they are is not known.
    """
    wanted = sorted({name if is_distinctive(name) else f"@{name}" for name in names})
    if not wanted:
        return set()
    columns = (*source.columns, "extra", "read_problem")
    damaged = rows.filter(~nw.col("read_problem").is_null()).select("source_row", *columns)
    text = nw.col("cell").str.to_lowercase()
    holds = [text.str.contains(name, literal=True) for name in wanted]
    cells = engine.cells_of(damaged, columns, index="source_row")
    found = cells.filter(nw.any_horizontal(*holds, ignore_nulls=True)).select("source_row")
    return {int(row["source_row"]) for row in found.collect("pyarrow").to_native().to_pylist()}


def _has_name(path: Path, entry: StoredFile, names: Collection[str]) -> bool:
    labels = (entry.file, entry.delivered_name, entry.member, *entry.notes)
    return contains_name(path, name_pattern(names)) or bool(name_in_path(names).search("\n".join(labels)))


def _redact_stored_file(
    folder: Path, entry: StoredFile, ordinals: Collection[int], names: list[str], engine: Engine
) -> None:
    others = [other for other in read_manifest(folder) if other.file != entry.file]
    kept = [column for column in entry.columns.values() if is_known_name(column)]
    change = mention_replacer(names, file=entry.file, columns=kept)
    renamed = _without_names(entry, names, taken=[other.file for other in others])
    header, columns = _changed_header(folder / entry.file, entry, change, names)
    renamed = replace(renamed, columns=columns)
    with tempfile.TemporaryDirectory(prefix=STAGING_PREFIX, dir=folder.parent) as staging:
        target = Path(staging) / renamed.file
        redact(folder / entry.file, target, rows=ordinals, mentions=names, columns=kept, header=header)
        redacted = replace(
            renamed,
            stored_sha256=file_sha256(target),
            bytes=target.stat().st_size,
            forgotten_rows=tuple(sorted({*entry.forgotten_rows, *ordinals})),
        )
        if redacted == entry:  # a similar word, or a name that is an ordinary word
            return
        if is_readable(target, redacted, engine):
            store_files(folder, {redacted.file: target}, [*others, redacted])
        else:  # without its records of suppressed creators the file has no columns left
            store_files(folder, {}, others)


def _changed_header(
    path: Path, entry: StoredFile, change: TextChange, names: Collection[str]
) -> tuple[list[str], dict[str, str]]:
    """Return the header of the rewritten file if it is CSV, and the names of its columns.

    The first record of a file without a header became its names. If it was the creator's, none of its cells stays.
    """
    columns = {name: change_label(column, change) for name, column in entry.columns.items()}
    if file_format(path) != "csv":
        return [], columns
    before = read_header(path).names
    identity = {entry.columns.get(name, "").strip().removeprefix("@").lower() for name in ("account_id", "tiktok_id")}
    header = [change_label(name, change) for name in before]
    if not identity.isdisjoint(names):
        header = [f"{FORGOTTEN_NAME} {number}" for number in range(1, len(before) + 1)]
    after = dict(zip(unique_names(before), unique_names(header), strict=True))
    return header, {name: after.get(column, columns[name]) for name, column in entry.columns.items()}


def _without_names(entry: StoredFile, names: Collection[str], *, taken: Collection[str]) -> StoredFile:
    """Return the entry with the names replaced in the names of its file and in its notes."""
    pattern = name_in_path(names)

    def change(text: str) -> str:
        return pattern.sub("forgotten", text)

    file, number = change(entry.file), 1
    while file != entry.file and file in taken:
        number += 1
        file = f"{number}-{change(entry.file)}"
    return replace(
        entry,
        file=file,
        delivered_name=change(entry.delivered_name),
        member=change(entry.member),
        notes=tuple(map(change, entry.notes)),
    )


def is_readable(path: Path, entry: StoredFile, engine: Engine) -> bool:
    """Return whether a rewritten file still fits its dialect and has as many records as ``entry`` lists."""
    try:
        rows = _read_entry(path, entry, engine)
        with engine.reading(path):
            return count_rows(rows) == entry.rows
    except FileError:
        return False


def _read_entry(path: Path, entry: StoredFile, engine: Engine) -> nw.LazyFrame[Any]:
    return read_stored_file(
        path,
        dialect=entry.dialect,
        source=entry.source,
        columns=entry.columns,
        engine=engine,
        forgotten=entry.forgotten_rows,
    )
