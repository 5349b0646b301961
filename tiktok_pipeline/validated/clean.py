r"""Parse text into types, one function per type. A cell that cannot be parsed becomes NULL with a reason.

Each parser takes a text expression and returns a text that the engine can cast, or NULL. Patterns use ASCII classes
and ``^...$`` only, because Python's ``re`` and the engine's RE2 disagree on the rest. Parsers do not check whether a
value is plausible; see `tiktok_pipeline.validated.schema`.

A parser tests for the canonical spelling first: the engine evaluates a branch of ``when`` only for the rows that
reach it. Words are compared one by one or by a pattern: the engine turns ``is_in`` into a join over all rows. A cell
is stripped in a column of its own before it is parsed, because nested expressions multiply.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import narwhals as nw

from tiktok_pipeline.missing_values import (
    HANDLE_NULL_PATTERN,
    NAME_NULL_PATTERN,
    NULL_PATTERN,
    NUMBER_NULL_PATTERN,
    WHITE_SPACE,
)
from tiktok_pipeline.raw.schema import ACTIVITY_COLUMNS, PROFILE_COLUMNS, PROFILES, Source
from tiktok_pipeline.truth_words import FALSE_WORDS, MORE_FALSE_WORDS, MORE_TRUE_WORDS, TRUE_WORDS
from tiktok_pipeline.validated.identity import CANONICAL_HANDLE, USABLE_NUMBER, parse_handle, usable_number
from tiktok_pipeline.warehouse.base import CastType, Engine

COUNTS = ("followers", "following", "likes", "videos_count")
RATES = ("avg_engagement_rate", "comment_engagement_rate", "like_engagement_rate")
TYPES: Mapping[str, CastType] = {
    "observed_on": "date",
    **dict.fromkeys(COUNTS, "integer"),
    **dict.fromkeys(RATES, "float"),
}
"""The type that each text column of a profile is cast to."""
DAY_FIRST_DIALECTS = ("spreadsheet_csv",)
"""A manifest of an earlier version has no formats: these deliveries hold dates such as 20-05-2024."""

PRESENCE_COLUMNS: Mapping[str, str] = {"has_biography": "biography", "has_bio_link": "bio_link"}
"""Columns of ``validated.profiles`` that tell whether the cell of another column is filled."""

UNREADABLE = "\x1e"
"""Precedes a delivered cell that does not fit the format of its column; no parser reads such a cell."""

LARGEST_EXACT_FLOAT = 2.0**53
"""Up to this size a float holds every integer."""

_NO_LINK = f"(?i:{'|'.join(map(re.escape, (*FALSE_WORDS, *MORE_FALSE_WORDS)))}|no link|kein link|no url)"
_NULL_PATTERNS: Mapping[str, str] = {
    **dict.fromkeys(("account_id", "tiktok_id", "region", "url"), HANDLE_NULL_PATTERN),
    "nickname": NAME_NULL_PATTERN,
    "bio_link": f"{NUMBER_NULL_PATTERN}|{_NO_LINK}",  # no word of people is a link
    **dict.fromkeys((*TYPES, "is_verified", "is_under_age"), NUMBER_NULL_PATTERN),
    **dict.fromkeys(("engagement_index", "monetization_maturity"), NUMBER_NULL_PATTERN),
}

_DIGITS = r"^[0-9]+$"
_ISO_DAY = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_YEAR_FIRST = r"^[0-9]{4}-"
_SPACE_LAST = rf"[{WHITE_SPACE}]$"
_WHOLE = r"^[+-]?[0-9]+([.]0*)?$"
_GROUPED = r"^[+-]?[0-9]{1,3}(,[0-9]{3})+$"
_SHORT = r"^[+-]?[0-9]+([.][0-9]{1,3}[kK]|[.][0-9]{1,6}[mM]|[.][0-9]{1,9}[bB]|[kKmMbB])$"
_SCIENTIFIC = r"^[+-]?[0-9]+([.][0-9]+)?[eE][+]?[0-9]{1,2}$"
_NUMBER = r"^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]{1,3})?$"
_QUOTED_CHARACTERS = 60
_SPLIT = "\x1f"
_TEXTS = ("account_id", "url", "tiktok_id", "nickname", "biography", "bio_link", "language", "region", "top_videos")
_CANONICAL: Mapping[str, str] = {
    **dict.fromkeys(("is_verified", "is_under_age"), "^(true|false)$"),
    **dict.fromkeys(COUNTS, _DIGITS),
    **dict.fromkeys(RATES, _NUMBER),
}
_OPTIONAL_TEXTS = ("nickname", "biography", "bio_link", "language", "region")


def clean_profiles(raw: nw.LazyFrame[Any], engine: Engine) -> nw.LazyFrame[Any]:
    """Parse the rows of ``raw.profiles``.

    Parameters
    ----------
    raw : LazyFrame
        Rows of ``raw.profiles``, all text.
    engine : Engine
        The engine that the frame lives in.

    Returns
    -------
    LazyFrame
        The typed columns, and ``problems``: a text that is empty if every cell could be parsed. The delivered texts
        stay in ``raw_<name>`` for the record of a rejected row; ``is_filled_<name>`` says whether one is filled.
    """
    # Every cell of a text is stripped; another cell only if its spelling is not canonical.
    stripped = strip_columns(_rename_delivered(raw, PROFILE_COLUMNS), _TEXTS, engine).with_columns(
        *(_stripped_unless(name, pattern).alias(f"text_{name}") for name, pattern in _CANONICAL.items()),
        _stripped_unless("observed_on", _ISO_DAY).alias("text_observed_on"),
    )
    texts = [f"text_{name}" for name in (*_TEXTS, *_CANONICAL, "observed_on")]
    cleaned = stripped.with_columns(
        parse_handle(nw.col("text_account_id"), nw.col("text_url")).alias("account_id"),
        parse_account_id(nw.col("text_tiktok_id")).alias("tiktok_id"),
        parse_bool(nw.col("text_is_verified")).alias("is_verified"),
        parse_bool(nw.col("text_is_under_age")).alias("is_under_age"),
        *(parse_count(nw.col(f"text_{name}")).alias(name) for name in COUNTS),
        *(parse_float(nw.col(f"text_{name}")).alias(name) for name in RATES),
        parse_observed_date(nw.col("text_observed_on"), nw.col("dialect")).alias("observed_on"),
        count_videos(nw.col("text_top_videos")).alias("scraped_videos"),
        *(_without_nul(nw.col(f"text_{name}")).alias(name) for name in _OPTIONAL_TEXTS),
    )
    names = raw.collect_schema().names()
    cleaned = cleaned.with_columns(
        *(is_filled(column, names, f"text_{column}").alias(name) for name, column in PRESENCE_COLUMNS.items()),
        *(_filled(text.removeprefix("text_"), nw.col(text)) for text in texts),
    )
    expected = {"followers": "a count such as 1200, 12,345 or 1.2M", "is_under_age": "true or false"}
    return _with_problems(engine.try_cast(cleaned.drop(texts), TYPES), expected)


def clean_activity(raw: nw.LazyFrame[Any], engine: Engine) -> nw.LazyFrame[Any]:
    """Parse the rows of ``raw.creator_activity``; returns typed columns and ``problems`` as `clean_profiles` does."""
    scores: dict[str, CastType] = {"engagement_index": "float", "monetization_maturity": "float"}
    stripped = _rename_delivered(raw, ACTIVITY_COLUMNS).with_columns(
        _text("account_id").alias("account_id"),
        *(_stripped_unless(name, _NUMBER).alias(name) for name in scores),
    )
    cleaned = stripped.with_columns(
        *(parse_float(nw.col(name)).alias(name) for name in scores), *(_filled(name, nw.col(name)) for name in scores)
    )
    return _with_problems(engine.try_cast(cleaned, scores), dict.fromkeys(scores, "a number"))


def observed_days(raw: nw.LazyFrame[Any], engine: Engine) -> nw.LazyFrame[Any]:
    """Return ``observed_on`` as a date for each row of ``raw.profiles``; NULL if the cell cannot be parsed."""
    days = with_observed_date(raw.select("observed_on", "dialect"), "observed_on")
    return engine.try_cast(days.select("observed_on"), {"observed_on": "date"})


def one_of(text: nw.Expr, words: Iterable[str]) -> nw.Expr:
    """Return whether a text equals one of ``words``, which should be few; false for NULL."""
    branches: Any = nw
    for word in words:
        branches = branches.when(text == nw.lit(word)).then(nw.lit(True))
    return nw.lit(False) if branches is nw else branches.otherwise(nw.lit(False))


def null_pattern_of(name: str) -> str:
    """Return the pattern of the words that mean missing in a canonical column."""
    return _NULL_PATTERNS.get(name, NULL_PATTERN)


def strip_and_nullify(text: nw.Expr, missing: str = NULL_PATTERN) -> nw.Expr:
    """Strip white space; an empty text and one that ``missing`` matches become NULL, as in the engine's method."""
    # White space sorts before "!"; so do a few other characters, which stay as they are.
    has_space = (text < nw.lit("!")) | text.str.contains(_SPACE_LAST)
    stripped = nw.when(has_space).then(text.str.strip_chars()).otherwise(text)
    is_blank = text.str.contains(f"^[{WHITE_SPACE}]*({missing})?[{WHITE_SPACE}]*$")
    return nw.when(~is_blank).then(stripped)


def stripped_cell(name: str, cell: str | None = None) -> nw.Expr:
    """Return the stripped cell of a canonical column; NULL if it is empty or a word that means missing there.

    ``cell`` is the column that holds the delivered cell, by default the one of the same name.
    """
    return strip_and_nullify(nw.col(cell or name), null_pattern_of(name))


def strip_columns(frame: nw.LazyFrame[Any], names: Collection[str], engine: Engine) -> nw.LazyFrame[Any]:
    """Add ``text_<name>``, the `stripped_cell` of ``raw_<name>``, in the engine's own functions."""
    columns = {f"text_{name}": f"raw_{name}" for name in names}
    words = {f"text_{name}": null_pattern_of(name) for name in names}
    return engine.strip_and_nullify(frame, columns, missing=words)


def is_filled(name: str, columns: Collection[str], cell: str | None = None) -> nw.Expr:
    """Return whether a stripped cell is filled; NULL if ``delivers_<name>`` says that the file lacks the column.

    ``columns`` are those of the frame, which has no such mark if it holds one file of which nothing is known.
    """
    is_present = ~nw.col(cell or name).is_null()
    mark = f"delivers_{name}"
    return nw.when(nw.col(mark)).then(is_present) if mark in columns else is_present


def is_unread(name: str) -> nw.Expr:
    """Return whether a cell of a cleaned row is filled and gave no value in ``<name>``."""
    return nw.col(name).is_null() & nw.col(f"is_filled_{name}")


def delivered_handle(source: Source) -> nw.Expr:
    """Return the handle of a raw row, as `clean_profiles` and `clean_activity` parse it."""
    delivered = nw.col("account_id")
    text = stripped_cell("account_id")
    if source.name != PROFILES.name:
        return text
    is_canonical = delivered.str.contains(CANONICAL_HANDLE)
    return nw.when(is_canonical).then(delivered).otherwise(parse_handle(text, stripped_cell("url")))


def delivered_number(source: Source) -> nw.Expr:
    """Return the platform's id of a raw row where it can identify an account, as `clean_profiles` parses it."""
    if source.name != PROFILES.name:
        return nw.lit(None).cast(nw.String)
    delivered = nw.col("tiktok_id")
    parsed = usable_number(parse_account_id(stripped_cell("tiktok_id")))
    return nw.when(delivered.str.contains(USABLE_NUMBER)).then(delivered).otherwise(parsed)


def parse_account_id(text: nw.Expr) -> nw.Expr:
    """Return the account id as text; NULL for a number in E-notation, which has lost its last digits."""
    # A spreadsheet keeps a text with an apostrophe before it.
    exact = text.str.replace_all(r"[.]0+$|^'", "")
    other = nw.when(~text.str.contains(_SCIENTIFIC)).then(exact)
    return nw.when(text.str.contains(_DIGITS)).then(text).otherwise(other)


def parse_bool(text: nw.Expr) -> nw.Expr:
    """Return a boolean for a word that means true or false, in any case; NULL for any other text."""
    lowered = text.str.to_lowercase()
    is_true = lowered.str.contains(_any_of((*TRUE_WORDS, *MORE_TRUE_WORDS)))
    is_false = lowered.str.contains(_any_of((*FALSE_WORDS, *MORE_FALSE_WORDS)))
    return nw.when(is_true).then(nw.lit(True)).when(is_false).then(nw.lit(False))


def _any_of(words: Iterable[str]) -> str:
    """Return the pattern of a text that is one of ``words``, quicker to plan than many comparisons."""
    return f"^({'|'.join(re.escape(word) for word in words)})$"


def parse_count(text: nw.Expr) -> nw.Expr:
    """Return a count as text to cast: 1200, 1200.0, 12,345, 1.2M and 1.5E+06; NULL for a fraction."""
    plain = text.str.replace_all(r"[.]0*$", "")
    grouped = text.str.replace_all(",", "", literal=True)
    short = (
        text.str.to_lowercase()
        .str.replace_all("k", "e3", literal=True)
        .str.replace_all("m", "e6", literal=True)
        .str.replace_all("b", "e9", literal=True)
    )
    return (
        nw.when(text.str.contains(_DIGITS))
        .then(text)
        .when(text.str.contains(_WHOLE))
        .then(plain)
        .when(text.str.contains(_GROUPED))
        .then(grouped)
        .when(text.str.contains(_SHORT))
        .then(short)
        .when(text.str.contains(_SCIENTIFIC))
        .then(exact_integer(text))
    )


def exact_integer(number: nw.Expr) -> nw.Expr:
    """Return the digits of a number that a float can hold, such as 1.5e+06; NULL for a fraction."""
    value = number.cast(nw.Float64)
    is_integer = (value == value.floor()) & (value.abs() <= LARGEST_EXACT_FLOAT)
    return nw.when(is_integer).then(value).cast(nw.Int64).cast(nw.String)


def parse_float(text: nw.Expr) -> nw.Expr:
    """Return a decimal number as text to cast; NULL for percent signs, decimal commas, infinity and other text."""
    return nw.when(text.str.contains(_NUMBER)).then(text)


def parse_date(text: nw.Expr, day_first: nw.Expr) -> nw.Expr:
    """Return a date as ISO text to cast: from yyyy-mm-dd (without its time), or also dd-mm-yyyy if ``day_first``."""
    with_time = text.str.contains(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.+Zz-]*$")
    iso = nw.when(text.str.contains(_ISO_DAY)).then(text).when(with_time).then(text.str.slice(0, 10))
    named = nw.when(text.str.contains(r"^[0-9]{2}-[0-9]{2}-[0-9]{4}$")).then(day_first_to_iso(text))
    return nw.when(day_first & ~text.str.contains(_YEAR_FIRST)).then(named).otherwise(iso)


def day_first_to_iso(text: nw.Expr) -> nw.Expr:
    """Rearrange dd-mm-yyyy into yyyy-mm-dd."""
    return nw.concat_str([text.str.slice(6, 4), text.str.slice(3, 2), text.str.slice(0, 2)], separator="-")


def parse_observed_date(text: nw.Expr, dialect: nw.Expr) -> nw.Expr:
    """Return the observation date as ISO text to cast, in the date format of its dialect; see `parse_date`."""
    return parse_date(text, one_of(dialect, DAY_FIRST_DIALECTS))


def with_observed_date(raw: nw.LazyFrame[Any], name: str) -> nw.LazyFrame[Any]:
    """Add the observation date of each row of ``raw.profiles`` as ISO text to cast."""
    # The stripped cell is a column of its own: in one expression it would be planned a dozen times.
    stripped = raw.with_columns(_stripped_unless("observed_on", _ISO_DAY, "observed_on").alias(name))
    return stripped.with_columns(parse_observed_date(nw.col(name), nw.col("dialect")).alias(name))


def count_videos(text: nw.Expr) -> nw.Expr:
    """Count the videos of a list: ``"video_id"`` in a JSON array of objects, or ``/video/`` in a list of links."""

    def occurrences(mark: str) -> nw.Expr:
        return (text.str.len_chars() - text.str.replace_all(mark, "", literal=True).str.len_chars()) // len(mark)

    objects = text.str.contains('"video_id"', literal=True)
    return nw.when(objects).then(occurrences('"video_id"')).otherwise(occurrences("/video/")).cast(nw.Int64)


def _rename_delivered(raw: nw.LazyFrame[Any], names: Iterable[str]) -> nw.LazyFrame[Any]:
    """Rename the delivered columns to ``raw_<name>``."""
    return raw.rename({name: f"raw_{name}" for name in names})


def _text(name: str) -> nw.Expr:
    """Return the delivered cell, stripped, blank as NULL."""
    return stripped_cell(name, f"raw_{name}")


def _without_nul(text: nw.Expr) -> nw.Expr:
    """Return NULL for a text with a NUL character: most programs cut it there."""
    return nw.when(~text.str.contains("\x00", literal=True)).then(text)


def _stripped_unless(name: str, canonical: str, cell: str | None = None) -> nw.Expr:
    """Return the delivered cell if it matches the pattern ``canonical``, else the stripped one.

    ``cell`` is the column that holds the delivered cell, by default ``raw_<name>``.
    """
    cell = cell or f"raw_{name}"
    return nw.when(nw.col(cell).str.contains(canonical)).then(nw.col(cell)).otherwise(stripped_cell(name, cell))


def _filled(name: str, text: nw.Expr) -> nw.Expr:
    """Return ``is_filled_<name>``: whether the stripped cell is filled."""
    return (~text.is_null()).alias(f"is_filled_{name}")


def _with_problems(frame: nw.LazyFrame[Any], expected: Mapping[str, str]) -> nw.LazyFrame[Any]:
    r"""Add ``problems``: each required cell that cannot be parsed with the expected form, joined by ``\\x1f``."""
    unparsed = [
        nw.when(is_unread(name)).then(
            nw.concat_str([nw.lit(f"{name}: "), quoted_cell(f"raw_{name}"), nw.lit(f" is not {form}")])
        )
        for name, form in expected.items()
    ]
    has_nul = nw.col("account_id").fill_null("").str.contains("\x00", literal=True)
    nul = nw.when(has_nul).then(nw.lit("account_id: holds a NUL character"))
    has_problem = nw.any_horizontal(
        ~nw.col("read_problem").is_null(),
        *(nw.col(name).is_null() for name in expected),
        has_nul,
        ignore_nulls=False,
    )
    problems = nw.concat_str([nw.col("read_problem"), *unparsed, nul], separator=_SPLIT, ignore_nulls=True)
    return frame.with_columns(nw.when(has_problem).then(problems).otherwise(nw.lit("")).alias("problems"))


def quoted_cell(name: str) -> nw.Expr:
    """Return the first characters of a delivered cell, as a reason may quote them."""
    cell = nw.col(name).str.replace_all(UNREADABLE, "", literal=True)
    return cell.str.slice(0, _QUOTED_CHARACTERS).str.replace_all(_SPLIT, " ", literal=True)
