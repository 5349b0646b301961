"""Save how the columns of a file are read as a dialect of the user."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from tiktok_pipeline.atomic_write import atomic_write_text
from tiktok_pipeline.raw.dialects.dialect import Recognition
from tiktok_pipeline.raw.dialects.load import DialectFileError, load_dialect
from tiktok_pipeline.raw.dialects.shipped import DIALECTS

PLACEHOLDER = "COLUMN"
"""Stands for the name of a column that a person must fill in."""


def proposed_text(name: str, recognition: Recognition, *, description: str) -> str:
    """Return the TOML text of a dialect for a file that leaves doubts, for a person to check.

    A required column that is missing has the first proposed name, else `PLACEHOLDER`; other proposals are comments.
    """
    columns = dict(recognition.columns)
    for group in recognition.missing:
        named = ((canonical, names[0]) for canonical in group if (names := recognition.proposals.get(canonical)))
        canonical, column = next(named, (group[0], PLACEHOLDER))
        columns[canonical] = column
    taken = set(columns.values())
    doubts = {
        canonical: free
        for canonical, names in recognition.proposals.items()
        if canonical not in columns and (free := [column for column in names if column not in taken])
    }
    return dialect_text(name, replace(recognition, columns=columns), description=description, doubts=doubts)


def dialect_text(
    name: str, recognition: Recognition, *, description: str, doubts: Mapping[str, Sequence[str]] | None = None
) -> str:
    """Return the TOML text of a dialect with the columns of a recognized file.

    A file is recognized by all columns that the text maps. ``doubts`` are columns that the text has as comments.
    """
    columns = recognition.columns
    lines = [
        f"name = {_text(name)}",
        f"description = {_text(description)}",
        f"source = {_text(recognition.source.name)}",
        f"recognized_by = [{', '.join(_text(column) for column in columns.values())}]",
        "",
        "[columns]",
        *(f"{canonical} = {_text(column)}" for canonical, column in columns.items()),
        *(f"# {canonical} = {_text(names[0])}" for canonical, names in (doubts or {}).items()),
    ]
    units = {rate: unit for rate, unit in recognition.units.items() if rate in columns}
    if units:
        lines += ["", "[units]", *(f"{rate} = {_text(unit)}" for rate, unit in units.items())]
    return "\n".join(lines) + "\n"


def save_dialect(folder: Path, name: str, recognition: Recognition, *, description: str) -> Path:
    """Write a dialect file.

    Parameters
    ----------
    folder : Path
        The folder of the user's dialects; created if it is missing.
    name : str
        The name of the new dialect.
    recognition : Recognition
        The columns.
    description : str
        What the dialect is.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    DialectFileError
        If the name is no valid one, belongs to another dialect, or the file exists.
    """
    path = folder / f"{name}.toml"
    if path.parent != folder or path.exists():
        raise DialectFileError(f"{path.name}: exists already, or is not a file name", remedy="choose another name")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    atomic_write_text(path, dialect_text(name, recognition, description=description))
    try:
        load_dialect(path, taken={dialect.name for dialect in DIALECTS}, is_shipped=False)
    except DialectFileError:
        path.unlink()
        raise
    return path


def _text(value: str) -> str:
    """Return a TOML string."""
    readable = value.encode("utf-8", "replace").decode("utf-8")
    return json.dumps(readable, ensure_ascii=False).replace("\x7f", "\\u007f")
