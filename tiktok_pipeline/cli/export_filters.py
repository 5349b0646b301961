"""The filters of ``export --where``: those of the search of ``explore``, read by the same code."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from urllib.parse import parse_qsl

from tiktok_pipeline.cli.console import CommandUsageError
from tiktok_pipeline.explorer.search import (
    BEHIND_COLUMN,
    FILTERS,
    Filter,
    Search,
    filter_names,
    read_search,
)

WHERE_HELP = (
    'Filter as in the search of `explore`, such as "followers_min=10k&tier=micro", or the address of a '
    f"search (its sort order is ignored). All filters must hold. The names are {', '.join(filter_names())}."
)
_OF_PAGE = ("sort", "order", "page")
"""Names that the address of a search may also have; they do not filter."""

Values = Callable[[str], Sequence[str]]
"""Returns the values that a column has."""


def read_where(texts: Sequence[str]) -> dict[str, list[str]]:
    """Return the filters of the texts by name.

    Raises
    ------
    CommandUsageError
        If a text is no filter, or has a name that no filter has; the error lists the names.

    Examples
    --------
    >>> read_where(["followers_min=10k&tier=micro", "http://127.0.0.1:8080/?tier=mid&sort=margin"])
    {'followers_min': ['10k'], 'tier': ['micro', 'mid']}
    """
    found: dict[str, list[str]] = {}
    for text in texts:
        query = text.partition("?")[2] if "://" in text else text
        if "=" not in query:
            msg = f"--where: there is no value in {text!r}; the filters are: {', '.join(filter_names())}"
            raise CommandUsageError(msg)
        for name, value in parse_qsl(query, keep_blank_values=True):
            if name not in (*filter_names(), *_OF_PAGE):
                msg = f"--where: there is no filter {name!r}; the filters are: {', '.join(filter_names())}"
                raise CommandUsageError(msg)
            if value.strip() and name not in _OF_PAGE:
                found.setdefault(name, []).append(value)
    return found


def search_for(filters: Mapping[str, Sequence[str]], columns: Collection[str], values: Values) -> Search:
    """Return the search for filters; a value that is chosen from a list is found in any case of its letters.

    Parameters
    ----------
    filters : mapping of str to sequence of str
        The filters by name, see `read_where`.
    columns : collection of str
        The columns that the rows have.
    values : callable
        Returns the values of a column.

    Raises
    ------
    CommandUsageError
        If the rows do not have the column of a filter, or a value cannot be read or is none of the column's.
    """
    given = {name: list(texts) for name, texts in filters.items()}
    for filter_ in FILTERS:
        names = {filter_.name, f"{filter_.name}_min", f"{filter_.name}_max"} & set(given)
        if names and BEHIND_COLUMN.get(filter_.column, filter_.column) not in columns:
            msg = f"--where: filter {min(names)!r} needs column {filter_.column}, which this study does not have"
            raise CommandUsageError(msg)
        if names and filter_.kind == "choice":
            given[filter_.name] = _as_spelled(filter_, given[filter_.name], values(filter_.column))
    search = read_search(given)
    if search.problems:
        msg = f"--where: {'; '.join(search.problems)}"
        raise CommandUsageError(msg)
    return search


def _as_spelled(filter_: Filter, texts: Sequence[str], known: Sequence[str]) -> list[str]:
    """Return the texts as the column spells them."""
    spelled = {value.casefold(): value for value in known} | {value: value for value in known}
    found = []
    for text in texts:
        value = spelled.get(text, spelled.get(text.strip().casefold()))
        if value is None:
            listed = ", ".join(known) or "none: the column is empty"
            msg = f"--where: no {filter_.label.lower()} {text!r}; the values are: {listed}"
            raise CommandUsageError(msg)
        found.append(value)
    return found
