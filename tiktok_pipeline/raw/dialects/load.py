"""Read dialects from TOML files; a mistake is named with its file, line and field.

A dialect file looks like this::

    name = "agency_tracker"
    description = "the weekly sheet of the agency"
    source = "profiles"

    [columns]
    account_id = "Creator"
    followers = ["Fans", "Followers"]

    [units]
    avg_engagement_rate = "percent"

See `docs/input_formats.md` for all fields.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast, get_args

from tiktok_pipeline.errors import FileError
from tiktok_pipeline.raw.dialects.column_names import column_key
from tiktok_pipeline.raw.dialects.dialect import (
    CONTROL_COLUMNS,
    REQUIRED,
    DateOrder,
    Dialect,
    RateUnit,
    Transformation,
)
from tiktok_pipeline.raw.schema import SOURCES
from tiktok_pipeline.safe_text import one_line

LARGEST_FILE_BYTES = 1_000_000

_FIELDS = ("name", "description", "source", "columns", "recognized_by", "typical", "units", "dates", "transformation")
_SHIPPED_FIELDS = (*_FIELDS, "generic", "proposals")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_LINE = re.compile(r"line ([0-9]+)")
_RATE = "_rate"


class DialectFileError(FileError):
    """A dialect file has a mistake; the text names the file, the line and the field."""

    code = "dialect_file"


@dataclass(frozen=True)
class LoadedDialects:
    """The dialects of a folder, and the errors of the files that could not be used."""

    dialects: tuple[Dialect, ...] = ()
    errors: tuple[DialectFileError, ...] = ()


def load_dialects(folder: Path, *, reserved: Collection[str] = ()) -> LoadedDialects:
    """Read the ``*.toml`` files of a folder, in the order of their names.

    Parameters
    ----------
    folder : Path
        The user's folder; it need not exist.
    reserved : collection of str
        Names that a dialect may not have: those of the shipped ones.

    Returns
    -------
    LoadedDialects
        A file with a mistake gives an error; the others are read.
    """
    dialects: list[Dialect] = []
    errors: list[DialectFileError] = []
    for path in sorted(folder.glob("*.toml")) if folder.is_dir() else ():
        try:
            taken = {*reserved, *(dialect.name for dialect in dialects)}
            dialects.append(load_dialect(path, taken=taken, is_shipped=False))
        except DialectFileError as error:
            errors.append(error)
    return LoadedDialects(tuple(dialects), tuple(errors))


def load_dialect(path: Path, *, taken: Collection[str] = (), is_shipped: bool = True) -> Dialect:
    """Read one dialect file.

    Parameters
    ----------
    path : Path
        The TOML file.
    taken : collection of str
        Names of other dialects.
    is_shipped : bool
        Whether the file belongs to the package and may have the fields of a generic dialect.

    Raises
    ------
    DialectFileError
        If the file cannot be read, is not TOML, or a field has no valid value.
    """
    try:
        if path.stat().st_size > LARGEST_FILE_BYTES:
            raise DialectFileError(f"{path.name}: larger than {LARGEST_FILE_BYTES} bytes; expected a short TOML file")
        text = path.read_text(encoding="utf-8-sig")
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = _LINE.search(str(error))
        place = f"line {line[1]}" if line else "the end"
        raise DialectFileError(f"{path.name}, {place}: no valid TOML ({one_line(str(error))})") from error
    except (OSError, UnicodeDecodeError, RecursionError) as error:
        raise DialectFileError(f"{path.name}: cannot be read ({one_line(str(error), max_characters=200)})") from error
    return _Reader(path.name, text, document).read(taken=taken, is_shipped=is_shipped)


class _Reader:
    """Turns the document of one file into a dialect; every error names the line of its field."""

    def __init__(self, file: str, text: str, document: Mapping[str, Any]) -> None:
        self._file = file
        self._lines = text.splitlines()
        self._document = document

    def read(self, *, taken: Collection[str], is_shipped: bool) -> Dialect:
        allowed = _SHIPPED_FIELDS if is_shipped else _FIELDS
        for field in self._document:
            if field not in allowed:
                raise self._error(field, f"is not known; the fields are: {', '.join(allowed)}")
        name = self._text("name")
        if not _NAME.fullmatch(name):
            raise self._error("name", "must have lower-case letters, digits and underscores, such as my_tracker")
        if name in taken:
            raise self._error("name", f"{name} is the name of another dialect; choose another one")
        source = {source.name: source for source in SOURCES}.get(self._text("source", "profiles"))
        if source is None:
            raise self._error("source", f"must be one of {', '.join(source.name for source in SOURCES)}")
        dialect = Dialect(
            name=name,
            description=self._text("description", name),
            source=source,
            columns=self._names_by_column("columns", (*source.columns, *CONTROL_COLUMNS)),
            recognized_by=tuple(self._groups("recognized_by")),
            typical=frozenset(self._names("typical", self._document.get("typical", []))),
            units=self._units([column for column in source.columns if column.endswith(_RATE)]),
            dates=cast("DateOrder | None", self._choice("dates", get_args(DateOrder))),
            transformation=cast("Transformation | None", self._choice("transformation", get_args(Transformation))),
            is_own=not is_shipped,
            is_generic=self._document.get("generic") is True,
            proposals=self._names_by_column("proposals", tuple(source.columns)),
        )
        self._check(dialect)
        return dialect

    def _check(self, dialect: Dialect) -> None:
        for group in REQUIRED.get(dialect.source.name, ()):
            if not any(column in dialect.columns for column in group):
                raise self._error("columns", f"must name {' or '.join(group)}")
        owners: dict[str, str] = {}
        for column, names in dialect.columns.items():
            for name in names:
                owner = owners.setdefault(column_key(name), column)
                if owner != column:
                    raise self._error(column, f"{one_line(name)!r} is also the name of {owner}", table="columns")

    def _text(self, field: str, default: str | None = None) -> str:
        value = self._document.get(field, default)
        if not isinstance(value, str) or not value.strip():
            raise self._error(field, 'must be a text such as "my_tracker"')
        return one_line(value, max_characters=200)

    def _choice(self, field: str, choices: tuple[str, ...]) -> str | None:
        value = self._document.get(field)
        if value is None or value in choices:
            return value
        raise self._error(field, f"must be {' or '.join(choices)}")

    def _names(self, field: str, value: object, *, table: str = "") -> tuple[str, ...]:
        names = [value] if isinstance(value, str) else value
        if not isinstance(names, list) or not all(isinstance(name, str) and column_key(name) for name in names):
            raise self._error(field, 'must be a column name such as "Fans", or a list of them', table=table)
        return tuple(names)

    def _names_by_column(self, table: str, known: Collection[str]) -> dict[str, tuple[str, ...]]:
        value = self._document.get(table, {})
        if not isinstance(value, dict):
            raise self._error(table, f"must be a table of columns: [{table}]")
        for column in value:
            if column not in known:
                msg = f"is not a column of the tables; the columns are: {', '.join(known)}"
                raise self._error(column, msg, table=table)
        return {column: self._names(column, names, table=table) for column, names in value.items()}

    def _groups(self, field: str) -> Iterator[tuple[str, ...]]:
        groups = self._document.get(field, [])
        if not isinstance(groups, list):
            raise self._error(field, 'must be a list of column names such as ["Fans", "Creator"]')
        for group in groups:
            yield self._names(field, group)

    def _units(self, rates: Collection[str]) -> dict[str, RateUnit]:
        units = self._document.get("units", {})
        if not isinstance(units, dict):
            raise self._error("units", "must be a table: [units]")
        for column, unit in units.items():
            if column not in rates:
                raise self._error(column, f"has no unit; a unit belongs to {', '.join(rates)}", table="units")
            if unit not in get_args(RateUnit):
                raise self._error(column, f"must be {' or '.join(get_args(RateUnit))}", table="units")
        return dict(units)

    def _error(self, field: str, message: str, *, table: str = "") -> DialectFileError:
        shown = one_line(f"{table}.{field}" if table else field, max_characters=80)
        return DialectFileError(f"{self._file}, line {self._line(field, table)}: {shown} {message}")

    def _line(self, field: str, table: str) -> int:
        """Return the line of a field: the first one that begins with its name, in its table."""
        current = ""
        for number, line in enumerate(self._lines, start=1):
            text = line.strip()
            if text.startswith("["):
                current = text.strip("[] ")
                if current == field and not table:
                    return number
            elif current == table and re.match(rf"[\"']?{re.escape(field)}[\"']?\s*[=.]", text):
                return number
        return 1
