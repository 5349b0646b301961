"""What a person can say about the files of one delivery, where the files themselves do not show it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class IngestOptions:
    """How the files of one call are read; every default leaves the decision to the content of the files.

    Attributes
    ----------
    snapshot : str, optional
        The snapshot key of all rows.
    decimal : {".", ","}, optional
        The decimal mark of the numbers, where both readings are possible.
    dates : {"day-first", "month-first", "year-month-day", "year-day-month"}, optional
        The order of the parts of a date, where both readings are possible.
    rates : {"fraction", "percent"}, optional
        The unit of the engagement rates, where both readings are possible.
    column_map : mapping of str to str
        Canonical column to the name of the column in the file.
    newest : bool
        Whether a daily history becomes one snapshot of the newest row of each account.
    again : bool
        Whether what is stored already is computed again.
    """

    snapshot: str | None = None
    decimal: Literal[".", ","] | None = None
    dates: Literal["day-first", "month-first", "year-month-day", "year-day-month"] | None = None
    rates: Literal["fraction", "percent"] | None = None
    column_map: Mapping[str, str] = field(default_factory=dict)
    newest: bool = False
    again: bool = False


DEFAULT_OPTIONS = IngestOptions()
"""The files decide everything."""
