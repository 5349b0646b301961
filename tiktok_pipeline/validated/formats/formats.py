"""The result of format detection: what each column of a file looks like, as it is stored in the manifest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Self

from tiktok_pipeline.errors import FileError

DecimalMark = Literal[".", ","]
DayOrder = Literal["day-first", "month-first", "year-month-day", "year-day-month"]
RateUnit = Literal["fraction", "percent"]


class AmbiguousFormatError(FileError):
    """The cells of a column allow two readings; the text shows both and the option that settles it."""

    code = "ambiguous_format"


@dataclass(frozen=True, kw_only=True)
class FormatOptions:
    """What the person who delivers a file knows about its formats; None lets the cells decide.

    Attributes
    ----------
    decimal : {".", ","}, optional
        The decimal mark of numbers (``--decimal``).
    dates : {"day-first", "month-first", "year-month-day", "year-day-month"}, optional
        The order of day and month (``--dates``).
    rates : {"fraction", "percent"}, optional
        The unit of engagement rates (``--rates``): 0.05 or 5 for five percent.
    units : mapping of str to {"fraction", "percent"}
        The unit of single columns, as their names or the dialect say; ``rates`` comes first.
    powers : mapping of str to int
        The power of ten by which the counts of a column are multiplied, as its name says: 6 for "Likes (M)".
    """

    decimal: DecimalMark | None = None
    dates: DayOrder | None = None
    rates: RateUnit | None = None
    units: Mapping[str, RateUnit] = field(default_factory=dict)
    powers: Mapping[str, int] = field(default_factory=dict)

    def unit_of(self, name: str) -> RateUnit | None:
        """Return the unit of a rate column, if it is known."""
        return self.rates or self.units.get(name)


@dataclass(frozen=True, kw_only=True)
class ColumnFormat:
    """The format of one column whose cells are not all in the canonical spelling.

    Attributes
    ----------
    decimal : {".", ",", ""}
        The decimal mark of numbers; empty for dates, and where no cell depends on it: a cell with two readings is
        then not readable.
    unit : {"fraction", "percent", "sign", ""}
        The unit of rates without a percent sign; ``sign`` if every rate has one, empty for other columns.
    power : int
        The power of ten by which a count without a word such as K is multiplied.
    day_order : str
        How a date without a month name is read: ``day-first``, ``month-first``, ``year-first`` or
        ``year-day-month``; empty if no cell depends on it.
    earliest, latest : str
        The first and the last plausible day of a date column, as ISO text; a date outside is not readable.
    example : str
        A delivered cell that shows the format, at most 60 characters.
    note : str
        One sentence for people.
    """

    decimal: str = ""
    unit: str = ""
    power: int = 0
    day_order: str = ""
    earliest: str = ""
    latest: str = ""
    example: str = ""
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Formats:
    """The formats of a file.

    Attributes
    ----------
    columns : mapping of str to ColumnFormat
        The columns that `tiktok_pipeline.validated.formats.canonical.canonical_cells` rewrites. A column that is
        not named is canonical.
    notes : tuple of str
        One sentence each, for `raw.files` and ``inspect``.
    """

    columns: Mapping[str, ColumnFormat] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def is_canonical(self) -> bool:
        """Whether no column needs rewriting."""
        return not self.columns

    def to_dict(self) -> dict[str, Any]:
        """Return the formats for the manifest and ``raw.files``; empty if all is canonical and there is no note."""
        if not self.columns and not self.notes:
            return {}
        columns = {name: _without_blanks(asdict(column)) for name, column in self.columns.items()}
        return {"columns": columns, "notes": list(self.notes)}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any] | None) -> Self:
        """Return the formats that `to_dict` wrote; an empty mapping (an older manifest) gives canonical formats."""
        stored = stored or {}
        columns = {name: ColumnFormat(**column) for name, column in stored.get("columns", {}).items()}
        return cls(columns=columns, notes=tuple(stored.get("notes", ())))


def _without_blanks(record: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if value not in ("", 0)}
