"""A search is read from an address; its query has names from lists and values as parameters."""

from __future__ import annotations

from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiktok_pipeline.explorer.search import (
    FILTERS,
    LONGEST_TEXT,
    MOST_VALUES,
    MOST_WORDS,
    SORTS,
    read_number,
    read_search,
    readable_sql,
)

NAMES = ["q", "sort", "order", "page", "other"] + [
    name for filter_ in FILTERS for name in (filter_.name, f"{filter_.name}_min", f"{filter_.name}_max")
]
ADDRESSES = st.dictionaries(st.sampled_from(NAMES), st.lists(st.text(max_size=20), min_size=1, max_size=3))


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("10k", 10_000.0),
        ("1.5M", 1_500_000.0),
        ("10,000", 10_000.0),
        (" 7 ", 7.0),
        ("-3%", -3.0),
        ("", None),
        ("k", None),
        ("1e5", None),
        ("nan", None),
        ("١٢", None),
        ("9" * 20, None),
    ],
)
def test_numbers_are_read_as_people_type_them(text: str, number: float | None) -> None:
    assert read_number(text) == number


def test_each_kind_of_filter_becomes_a_condition() -> None:
    search = read_search(
        {
            "followers_min": ["10k"],
            "engagement_max": ["5%"],
            "tier": ["nano", "micro", ""],
            "verified": ["no"],
            "link": ["yes"],
            "q": ["Vegan @cook"],
        }
    )
    assert [condition.sql for condition in search.conditions[:5]] == [
        "followers >= ?",
        "avg_engagement_rate <= ?",
        "follower_tier in (?, ?)",
        "not is_verified",
        "(bio_link is not null)",
    ]
    assert search.values == [10_000, 0.05, "nano", "micro", "vegan", "cook"]
    assert isinstance(search.values[0], int)
    assert search.problems == ()


def test_what_cannot_be_read_is_named_and_left_out() -> None:
    search = read_search({"followers_min": ["many"], "sort": ["1;drop"], "page": ["0"], "verified": ["maybe"]})
    assert (search.where, search.sort, search.page) == ("true", SORTS[0], 1)
    assert [problem.partition(":")[0] for problem in search.problems] == [
        "Followers",
        "Verified",
        "sort=1;drop",
        "page=0",
    ]


def test_long_addresses_are_bounded() -> None:
    search = read_search({"region": ["x" * 10_000] * 10_000, "q": ["w " * 10_000]})
    assert len(search.values) <= MOST_VALUES + MOST_WORDS
    assert max(map(len, search.values)) == LONGEST_TEXT


@given(ADDRESSES)
def test_no_text_of_an_address_becomes_part_of_the_query(address: dict[str, list[str]]) -> None:
    search = read_search(address)
    text = f"{search.where} order by {search.order_by}"
    assert text.count("?") == len(search.values)
    allowed = set("abcdefghijklmnopqrstuvwxyz_0123456789 ?()<>=,")
    assert set(text) <= allowed
    assert search.order_by.split(" ")[0] in SORTS


@given(ADDRESSES)
def test_the_address_of_a_search_asks_for_the_same_search(address: dict[str, list[str]]) -> None:
    search = read_search(address)
    again = read_search(parse_qs(search.address()))
    assert (again.conditions, again.order_by, again.page) == (search.conditions, search.order_by, search.page)


@given(st.lists(st.text(max_size=12), max_size=4))
def test_the_query_to_copy_holds_its_values_as_literals(values: list[str]) -> None:
    marks = ", ".join("?" * len(values))
    text = readable_sql(f"x in ({marks})", values)
    inner = text.removeprefix("x in (").removesuffix(")")
    assert inner == ", ".join("'" + value.replace("'", "''") + "'" for value in values)
