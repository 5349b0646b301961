"""What a search asks for, read from an address, and the query that answers it.

Names of columns come from the lists in this module; values become parameters. A value that cannot be read is named
to the user, and the rest of the search is answered.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal
from urllib.parse import urlencode

from tiktok_pipeline.safe_text import one_line

PAGE_ROWS = 25
LONGEST_TEXT = 200
"""Most characters of a value in an address."""

MOST_VALUES = 30
"""Most values of one filter."""

MOST_WORDS = 10
"""Most words that are searched."""

_NUMBER = re.compile(r"(-?[0-9]{1,15}(?:\.[0-9]{1,9})?)\s*([kmb%]?)", re.IGNORECASE)
_TIMES = {"": 1.0, "%": 1.0, "k": 1e3, "m": 1e6, "b": 1e9}

Parameters = Mapping[str, Sequence[str]]
"""The parameters of an address: each name with its values."""


@dataclass(frozen=True)
class Filter:
    """A filter of the search: a column and the way in which a value is compared with it.

    ``kind`` "range" reads ``<name>_min`` and ``<name>_max``; "choice" any of several texts; "yes or no" a boolean.
    ``divisor`` turns the number that people type into the column's unit: 100 for a percentage.
    """

    name: str
    column: str
    label: str
    kind: Literal["range", "choice", "yes or no"]
    divisor: float = 1.0
    unit: str = ""


FILTERS: tuple[Filter, ...] = (
    Filter("followers", "followers", "Followers", "range"),
    Filter("engagement", "avg_engagement_rate", "Engagement", "range", 100.0, "%"),
    Filter("times", "times_expected", "Times expected", "range", 1.0, "×"),
    Filter("growth", "growth_30_days", "Growth in 30 days", "range", 100.0, "%"),
    Filter("certainty", "margin", "Certainty of the persona", "range", 100.0, "%"),
    Filter("persona", "persona", "Persona", "choice"),
    Filter("tier", "follower_tier", "Tier", "choice"),
    Filter("activity", "activity", "Activity", "choice"),
    Filter("region", "region", "Region", "choice"),
    Filter("language", "language", "Language", "choice"),
    Filter("verified", "is_verified", "Verified", "yes or no"),
    Filter("email", "has_email", "E-mail in biography", "yes or no"),
    Filter("link", "has_link", "Link in profile", "yes or no"),
    Filter("noticed", "has_notice", "Notices", "yes or no"),
)
_SQL_OF_COLUMN = {"has_link": "(bio_link is not null)", "has_notice": "(notices > 0)"}
BEHIND_COLUMN = {"has_link": "bio_link", "has_notice": "notices"}
"""The stored column behind a computed one: an empty column hides its filter."""

SORTS: tuple[str, ...] = (
    *("followers", "avg_engagement_rate", "times_expected", "growth_30_days", "likes_per_video", "comment_share"),
    *("margin", "videos_count", "videos_per_week", "median_plays", "days_since_last_post", "account_id"),
)
"""The columns by which a search can be sorted; the first is the default."""


def filter_names() -> list[str]:
    """Return the names that a filter can have in an address, those of a range as their two bounds."""
    names = ["q"]
    for filter_ in FILTERS:
        names += [f"{filter_.name}_min", f"{filter_.name}_max"] if filter_.kind == "range" else [filter_.name]
    return names


@dataclass(frozen=True)
class Condition:
    """A part of the WHERE clause: SQL with ``?`` for each value."""

    sql: str
    values: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Search:
    """A search as it was asked for.

    ``given`` holds the texts of the address by parameter, for the form; ``problems`` what could not be read.
    """

    conditions: tuple[Condition, ...] = ()
    sort: str = SORTS[0]
    is_ascending: bool = False
    page: int = 1
    given: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    def address(self, **changes: str | int) -> str:
        """Return the parameters of the address of this search, with changes; page 1 and defaults are left out."""
        given: dict[str, Any] = dict(self.given)
        given |= {"sort": self.sort, "order": "up" if self.is_ascending else "down", "page": self.page} | changes
        defaults = {"sort": SORTS[0], "order": "down", "page": 1}
        kept = {name: value for name, value in given.items() if value not in ("", ()) and defaults.get(name) != value}
        return urlencode(kept, doseq=True)

    @property
    def where(self) -> str:
        """The WHERE clause without the word, with ``?`` for each value; "true" if there is no condition."""
        return " and ".join(condition.sql for condition in self.conditions) or "true"

    @property
    def values(self) -> list[Any]:
        """The values of `where`, in order."""
        return [value for condition in self.conditions for value in condition.values]

    @property
    def order_by(self) -> str:
        """The ORDER BY clause without the words; the handle settles ties, so that pages do not overlap."""
        direction = "asc" if self.is_ascending else "desc"
        tie = "" if self.sort == "account_id" else ", account_id"
        return f"{self.sort} {direction} nulls last{tie}"


def read_search(parameters: Parameters) -> Search:
    """Read a search from the parameters of an address.

    Examples
    --------
    >>> search = read_search({"followers_min": ["10k"], "persona": ["Breakouts"], "sort": ["margin"]})
    >>> search.where, search.values, search.order_by
    ('followers >= ? and persona in (?)', [10000, 'Breakouts'], 'margin desc nulls last, account_id')
    """
    given = {
        name: tuple(value[:LONGEST_TEXT] for value in values[:MOST_VALUES]) for name, values in parameters.items()
    }
    conditions: list[Condition] = []
    problems: list[str] = []
    kept: dict[str, tuple[str, ...]] = {}
    for filter_ in FILTERS:
        for name, condition, problem in _read_filter(filter_, given):
            kept[name] = given[name]
            conditions += [condition] if condition else []
            problems += [problem] if problem else []
    words = _first(given, "q")
    if words:
        kept["q"] = (words,)
        conditions += [_has_word(word) for word in words.split()[:MOST_WORDS]]
    sort = _first(given, "sort") or SORTS[0]
    if sort not in SORTS:
        problems.append(f"sort={one_line(sort)}: expected one of {', '.join(SORTS)}")
        sort = SORTS[0]
    page = _first(given, "page") or "1"
    if not re.fullmatch(r"[1-9][0-9]{0,8}", page):
        problems.append(f"page={one_line(page)}: expected a whole number from 1")
        page = "1"
    is_ascending = _first(given, "order") == "up"
    return Search(tuple(conditions), sort, is_ascending, int(page), kept, tuple(problems))


def without_page(search: Search) -> Search:
    """Return the search from its first page on."""
    return replace(search, page=1)


def read_number(text: str) -> float | None:
    """Return a number as people type it, or None.

    Examples
    --------
    >>> read_number("10k"), read_number("1,500"), read_number("2.5%"), read_number("many")
    (10000.0, 1500.0, 2.5, None)
    """
    match = _NUMBER.fullmatch(text.strip().replace(",", "").replace("_", ""))
    return float(match[1]) * _TIMES[match[2].lower()] if match else None


def _first(given: Mapping[str, Sequence[str]], name: str) -> str:
    return (given.get(name) or ("",))[0].strip()


Read = tuple[str, Condition | None, str | None]


def _read_filter(filter_: Filter, given: Mapping[str, Sequence[str]]) -> list[Read]:
    """Return the parameters of a filter that are given, each with its condition or with its problem."""
    column = _SQL_OF_COLUMN.get(filter_.column, filter_.column)
    if filter_.kind == "range":
        return [
            _read_bound(filter_, column, name, sign, _first(given, name))
            for name, sign in ((f"{filter_.name}_min", ">="), (f"{filter_.name}_max", "<="))
            if _first(given, name)
        ]
    values = tuple(value for value in given.get(filter_.name, ()) if value.strip())
    if not values:
        return []
    if filter_.kind == "choice":
        marks = ", ".join("?" * len(values))
        return [(filter_.name, Condition(f"{column} in ({marks})", values), None)]
    if values[0] not in ("yes", "no"):
        return [(filter_.name, None, f"{filter_.label}: expected yes or no, not {one_line(values[0])}")]
    return [(filter_.name, Condition(column if values[0] == "yes" else f"not {column}"), None)]


def _read_bound(filter_: Filter, column: str, name: str, sign: str, text: str) -> Read:
    number = read_number(text)
    if number is None:
        return name, None, f"{filter_.label}: expected a number such as 10,000 or 10k, not {one_line(text)}"
    value = number / filter_.divisor
    # An integer stays one: compared with a float, the engine would read blocks that it can skip.
    return name, Condition(f"{column} {sign} ?", (int(value) if value.is_integer() else value,)), None


def _has_word(word: str) -> Condition:
    """Return the condition that a word is in the biography, the displayed name or the handle, in any case."""
    return Condition("contains(words, ?)", (word.lower().removeprefix("@"),))


def readable_sql(text: str, values: Sequence[Any]) -> str:
    """Return a query with its values in place of the ``?``, to be copied into another program.

    Examples
    --------
    >>> readable_sql("persona in (?) and followers >= ?", ["O'Neil", 10_000.0])
    "persona in ('O''Neil') and followers >= 10000"
    """
    parts = text.split("?")
    literals = [*map(_literal, values), ""]
    return "".join(part + literal for part, literal in zip(parts, literals, strict=True))


def _literal(value: object) -> str:
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
