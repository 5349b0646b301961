"""The search page: one page of the creators that fit, the query as SQL, and the same rows as a file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from tiktok_pipeline.explorer.fields import FIELDS, Field
from tiktok_pipeline.explorer.published import Facts, Published, is_offered
from tiktok_pipeline.explorer.search import FILTERS, PAGE_ROWS, SORTS, Filter, Search, read_search, readable_sql

SHOWN = (
    *("followers", "avg_engagement_rate", "times_expected", "growth_30_days", "likes_per_video"),
    *("persona", "margin", "activity", "region", "language", "notices"),
)
"""The columns of the table, after the handle; an empty one is left out."""


@dataclass(frozen=True)
class Results:
    """One page of a search.

    ``found`` counts all creators that fit; ``first`` is the number of the first row of the page.
    """

    rows: list[dict[str, Any]]
    found: int
    first: int
    last_page: int
    fields: tuple[Field, ...]
    sql: str


def run_search(published: Published, facts: Facts, search: Search) -> Results:
    """Return one page of the creators that fit."""
    fields = tuple(FIELDS[name] for name in SHOWN if name in facts.filled)
    columns = ["account_id", "nickname", "is_verified", *(field.name for field in fields)]
    where = f"snapshot = ? and {search.where}"
    values = [facts.snapshot, *search.values]
    (counted,) = published.rows(f"select count(*) as found from {facts.source} where {where}", values)
    found = int(counted["found"])
    offset = (search.page - 1) * PAGE_ROWS
    text = f"select {', '.join(dict.fromkeys(columns))} from {facts.source} where {where} order by {search.order_by}"
    rows = published.rows(f"{text} limit {PAGE_ROWS} offset {offset}", values) if offset < found else []
    last_page = max(1, -(-found // PAGE_ROWS))
    return Results(rows, found, offset + 1, last_page, fields, readable_sql(text, values))


def offered_filters(facts: Facts) -> list[Filter]:
    """Return the filters whose columns have values."""
    return [filter_ for filter_ in FILTERS if is_offered(facts, filter_.column)]


def offered_sorts(facts: Facts) -> list[Field]:
    """Return the columns to sort by that have values."""
    return [FIELDS[name] for name in SORTS if name in facts.filled]


def usable(facts: Facts, search: Search) -> Search:
    """Return the search without conditions on columns that the file does not have; they are named as problems."""
    absent = [
        filter_
        for filter_ in FILTERS
        if not is_offered(facts, filter_.column)
        and any(name in search.given for name in (filter_.name, f"{filter_.name}_min", f"{filter_.name}_max"))
    ]
    problems = [f"{filter_.label}: this snapshot has no such values, so the filter is left out" for filter_ in absent]
    names = {filter_.name for filter_ in absent}
    given = {
        name: value
        for name, value in search.given.items()
        if name not in names and name.removesuffix("_min").removesuffix("_max") not in names
    }
    if search.sort not in facts.filled:
        problems.append(f"{FIELDS[search.sort].label}: this snapshot has no such values, sorted by followers instead")
    if not problems:
        return search
    again = read_search(given)
    sort = search.sort if search.sort in facts.filled else SORTS[0]
    return replace(
        again,
        sort=sort,
        is_ascending=search.is_ascending,
        page=search.page,
        problems=(*search.problems, *problems),
    )
