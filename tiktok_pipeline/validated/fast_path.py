"""The fast path: recognize rows that certainly keep every rule by their text, and parse them with casts alone.

A cell is canonical if it has the plainest spelling of a value that every rule accepts. A row that is not canonical
may still be valid. A canonical row must be valid: `tiktok_pipeline.validated.validate` does not check it, and the
parsers of `tiktok_pipeline.validated.clean` would read the same values. A property test holds both.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import narwhals as nw

from tiktok_pipeline.raw.schema import PROFILES, Source
from tiktok_pipeline.truth_words import FALSE_WORDS, TRUE_WORDS
from tiktok_pipeline.validated.clean import (
    COUNTS,
    DAY_FIRST_DIALECTS,
    PRESENCE_COLUMNS,
    RATES,
    TYPES,
    count_videos,
    day_first_to_iso,
    is_filled,
    one_of,
    strip_columns,
)
from tiktok_pipeline.validated.identity import CANONICAL_HANDLE
from tiktok_pipeline.validated.schema import LONGEST_CHARACTERS, PROFILES_TABLE
from tiktok_pipeline.warehouse.base import Engine

_NUMBER_OF_ACCOUNT = r"^[0-9]{1,20}$"
_COUNT = r"^[0-9]{1,15}$"
_FOLLOWERS = r"^[0-9]{1,9}$"
"""Below `tiktok_pipeline.validated.schema.MOST_FOLLOWERS`."""
_LARGEST_RATE = 100_000.0
_MONTH_AND_DAY = (
    r"(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])",
    r"(0[13-9]|1[0-2])-(29|30)",
    r"(0[13578]|1[02])-31",
)
_LEAP_DAY = r"20([02468][048]|[13579][26])-02-29"
_TIME = "[T ][0-9:.+Zz-]*"
_ISO_DAY = rf"^(20[0-9]{{2}}-({'|'.join(_MONTH_AND_DAY)})|{_LEAP_DAY})({_TIME})?$"
_DAY_FIRST = r"^(0[1-9]|1[0-9]|2[0-8])-(0[1-9]|1[0-2])-20[0-9]{2}$"


def mark_canonical(raw: nw.LazyFrame[Any], source: Source, engine: Engine) -> nw.LazyFrame[Any]:
    """Add ``is_canonical`` to rows of ``raw.<source>``: never NULL; false for every source other than profiles."""
    if source.name != PROFILES.name:
        return raw.with_columns(nw.lit(False).alias("is_canonical"))
    # Casting a rate takes a third of the time of matching a pattern of twenty characters.
    numbers = {name: f"number_{name}" for name in RATES}
    cast = engine.try_cast(
        raw.with_columns(*(nw.col(name).alias(number) for name, number in numbers.items())),
        dict.fromkeys(numbers.values(), "float"),
    )
    return cast.with_columns(_is_canonical(numbers).alias("is_canonical")).drop(*numbers.values())


def _is_canonical(numbers: Mapping[str, str]) -> nw.Expr:
    cells = [
        nw.col("read_problem").is_null(),
        _matches("account_id", CANONICAL_HANDLE),
        nw.col("tiktok_id").is_null() | _matches("tiktok_id", _NUMBER_OF_ACCOUNT),
        *(_matches(name, _FOLLOWERS if name == "followers" else _COUNT) | _is_absent(name) for name in COUNTS),
        *(nw.col(name).is_null() | _is_canonical_rate(name, number) for name, number in numbers.items()),
        _is_canonical_day(),
        nw.col("is_verified").is_null() | one_of(nw.col("is_verified"), (*TRUE_WORDS, *FALSE_WORDS)),
        nw.col("is_under_age").is_null() | one_of(nw.col("is_under_age"), FALSE_WORDS),
        *(nw.col(name).is_null() | _is_plain(name, longest) for name, longest in LONGEST_CHARACTERS.items()),
    ]
    return nw.all_horizontal(*cells, ignore_nulls=False)


def parse_canonical(canonical: nw.LazyFrame[Any], engine: Engine) -> nw.LazyFrame[Any]:
    """Parse canonical rows of ``raw.profiles`` into rows of ``validated.profiles``."""
    texts = ("nickname", "biography", "bio_link", "language", "region", "top_videos")
    raw = canonical.rename({name: f"raw_{name}" for name in texts})
    parsed = strip_columns(raw, texts, engine).with_columns(
        *(nw.col(f"text_{name}").alias(name) for name in texts),
        nw.when(~nw.col("is_verified").is_null())
        .then(one_of(nw.col("is_verified"), TRUE_WORDS))
        .alias("is_verified"),
        nw.when(one_of(nw.col("dialect"), DAY_FIRST_DIALECTS) & ~nw.col("observed_on").str.contains(_ISO_DAY))
        .then(day_first_to_iso(nw.col("observed_on")))
        .otherwise(nw.col("observed_on").str.slice(0, 10))
        .alias("observed_on"),
        count_videos(nw.col("text_top_videos")).alias("scraped_videos"),
    )
    names = raw.collect_schema().names()
    present = parsed.with_columns(
        *(is_filled(column, names).alias(name) for name, column in PRESENCE_COLUMNS.items())
    )
    return engine.try_cast(present, TYPES).select(PROFILES_TABLE.frame_names)


def _matches(name: str, pattern: str) -> nw.Expr:
    return nw.col(name).str.contains(pattern).fill_null(False)


def _is_absent(name: str) -> nw.Expr:
    """Return whether an optional cell is NULL, as every cell of a column is that the file does not have."""
    return nw.lit(name != "followers") & nw.col(name).is_null()


def _is_canonical_rate(name: str, number: str) -> nw.Expr:
    # A cast accepts spellings that the parser refuses, such as 1_000 and 1e0005. Python writes 9.9e-05.
    text = nw.col(name)
    is_small = text.str.slice(-4, 2) == nw.lit("e-")
    has_exponent = text.str.contains("e", literal=True) | text.str.contains("E", literal=True)
    has_mark = text.str.contains("_", literal=True) | (has_exponent & ~is_small)
    begins_with_digit = (text >= nw.lit("0")) & (text < nw.lit(":"))
    return ((nw.col(number) < _LARGEST_RATE) & begins_with_digit & ~has_mark).fill_null(False)


def _is_canonical_day() -> nw.Expr:
    delivered = nw.col("observed_on")
    is_day_first = one_of(nw.col("dialect"), DAY_FIRST_DIALECTS)
    matches = delivered.str.contains(_ISO_DAY) | (is_day_first & delivered.str.contains(_DAY_FIRST))
    return delivered.is_null() | matches.fill_null(False)


def _is_plain(name: str, longest: int) -> nw.Expr:
    text = nw.col(name)
    return ((text.str.len_chars() <= longest) & ~text.str.contains("\x00", literal=True)).fill_null(False)
