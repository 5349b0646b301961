"""The columns of a file of creators, those that a marketer uses first in front, and what each means."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from tiktok_pipeline.explorer.fields import FIELDS
from tiktok_pipeline.output.profile_link import HANDLE, PROFILE
from tiktok_pipeline.output.sheet import LINK, ColumnNote

if TYPE_CHECKING:
    import pyarrow as pa

    from tiktok_pipeline.explorer.published import Facts, Published
    from tiktok_pipeline.explorer.search import Search

PROFILE_URL = "profile_url"
"""A column that is computed: the address of the profile."""

EXPORTED = (
    *("account_id", PROFILE_URL, "nickname", "followers", "avg_engagement_rate", "times_expected", "persona"),
    *("margin", "growth_30_days", "likes_per_video", "videos_per_week", "activity", "region", "language"),
    *("is_verified", "has_email", "follower_tier", "likes", "videos_count", "notices", "bio_link", "biography"),
    "observed_on",
)
"""The columns that come first in a file, in their order."""

MOST_EXPORTED = 1_000_000

PROFILE_URL_SQL = f"case when regexp_full_match(account_id, '{HANDLE}') then '{PROFILE}' || account_id end"
"""`profile_address` in SQL."""

_FOR_PROGRAMMERS = " (untrusted text: escape it)"


def in_export_order(columns: Iterable[str]) -> list[str]:
    """Return the columns with the address of the profile, those of `EXPORTED` first.

    Examples
    --------
    >>> in_export_order(["cluster", "followers", "account_id"])
    ['account_id', 'profile_url', 'followers', 'cluster']
    """
    known = [PROFILE_URL, *columns]
    first = [name for name in EXPORTED if name in known]
    return [*first, *(name for name in known if name not in EXPORTED)]


def select_list(columns: Iterable[str]) -> str:
    """Return the columns as a SELECT names them."""
    return ", ".join(f"{PROFILE_URL_SQL} as {PROFILE_URL}" if name == PROFILE_URL else name for name in columns)


def column_notes(schema: pa.Schema, described: Mapping[str, str]) -> dict[str, ColumnNote]:
    """Return the meaning and the unit of each column.

    Parameters
    ----------
    schema : pyarrow.Schema
        The columns of the file.
    described : mapping of str to str
        The descriptions of the tables' columns; the words of the pages go before them.
    """
    notes = {}
    for column in schema:
        field = FIELDS.get(column.name)
        meaning = field.formula if field else described.get(column.name, "").replace(_FOR_PROGRAMMERS, "")
        notes[column.name] = ColumnNote(meaning, field.unit if field else _unit(str(column.type)))
    if PROFILE_URL in notes:
        notes[PROFILE_URL] = ColumnNote("address of the profile, built from the handle", LINK)
    return notes


def _unit(arrow_type: str) -> str:
    by_type = {"string": "text", "bool": "yes or no", "date32[day]": "day"}
    return by_type.get(arrow_type, "number")


def descriptions(published: Published) -> dict[str, str]:
    """Return the descriptions of the columns of ``creators.current``."""
    rows = published.rows(
        "select column_name, description from meta.columns where schema_name = 'creators' and table_name = 'current'"
    )
    return {str(row["column_name"]): str(row["description"]) for row in rows}


def export_query(facts: Facts, search: Search) -> tuple[str, list[Any]]:
    """Return the query of all creators that fit, without empty columns, and its values."""
    columns = [name for name in EXPORTED if name in {*facts.filled, "account_id", PROFILE_URL}]
    text = (
        f"select {select_list(columns)} from {facts.source} where snapshot = ? and {search.where} "
        f"order by {search.order_by} limit {MOST_EXPORTED}"
    )
    return text, [facts.snapshot, *search.values]
