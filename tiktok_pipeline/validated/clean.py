r"""Parse text into types, one function per type. A cell that cannot be parsed becomes NULL with a reason.

Each parser takes a text expression and returns a text that the engine can cast, or NULL. Patterns use ASCII classes
and ``^...$`` only, because Python's ``re`` and the engine's RE2 disagree on the rest. Parsers do not check whether a
value is plausible; see `tiktok_pipeline.validated.schema`.

A parser tests for the canonical spelling first: the engine evaluates a branch of ``when`` only for the rows that
reach it. Words are compared one by one, because the engine turns ``is_in`` into a join over all rows. A parser uses
its text expression as few times as possible, because nested parsers multiply it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import narwhals as nw

from tiktok_pipeline.missing_values import NULL_WORDS, NULL_WORDS_PATTERN, WHITE_SPACE
from tiktok_pipeline.raw.dialects import DIALECTS
from tiktok_pipeline.raw.schema import ACTIVITY_COLUMNS, PROFILE_COLUMNS, PROFILES, Source
from tiktok_pipeline.validated.identity import CANONICAL_HANDLE, USABLE_NUMBER, parse_handle, usable_number
from tiktok_pipeline.warehouse.base import CastType, Engine

TRUE_WORDS = ("true", "t", "yes", "y", "1")
FALSE_WORDS = ("false", "f", "no", "n", "0")

COUNTS = ("followers", "following", "likes", "videos_count")
RATES = ("avg_engagement_rate", "comment_engagement_rate", "like_engagement_rate")
TYPES: Mapping[str, CastType] = {
    "observed_on": "date",
    **dict.fromkeys(COUNTS, "integer"),
    **dict.fromkeys(RATES, "float"),
}
"""The type that each text column of a profile is cast to."""
DAY_FIRST_DIALECTS = [dialect.name for dialect in DIALECTS if dialect.dates == "day-first"]

_DIGITS = r"^[0-9]+$"
_ISO_DAY = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_BLANK = rf"^[{WHITE_SPACE}]*({NULL_WORDS_PATTERN})?[{WHITE_SPACE}]*$"
_SPACE_LAST = rf"[{WHITE_SPACE}]$"
_WHOLE = r"^[+-]?[0-9]+([.]0*)?$"
_GROUPED = r"^[+-]?[0-9]{1,3}(,[0-9]{3})+$"
_SHORT = r"^[+-]?[0-9]+([.][0-9]{1,3}[kK]|[.][0-9]{1,6}[mM]|[.][0-9]{1,9}[bB]|[kKmMbB])$"
_SCIENTIFIC = r"^[+-]?[0-9]+([.][0-9]+)?[eE][+]?[0-9]{1,2}$"
_NUMBER = r"^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]{1,3})?$"
_QUOTED_CHARACTERS = 60
_SPLIT = "\x1f"


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
        stay in ``raw_<name>`` for the record of a rejected row.
    """
    # Every cell of these columns is stripped; the other parsers strip a cell only if its spelling is not canonical.
    texts = (
        "account_id",
        "url",
        "tiktok_id",
        "nickname",
        "biography",
        "bio_link",
        "language",
        "region",
        "top_videos",
    )
    kept = engine.strip_and_nullify(_texts(raw, PROFILE_COLUMNS), {f"text_{name}": f"raw_{name}" for name in texts})
    cleaned = kept.with_columns(
        parse_handle(nw.col("text_account_id"), nw.col("text_url")).alias("account_id"),
        parse_account_id(nw.col("text_tiktok_id")).alias("tiktok_id"),
        parse_bool(_text("is_verified")).alias("is_verified"),
        parse_bool(_text("is_under_age")).alias("is_under_age"),
        *(_parse_cell(name, _DIGITS, parse_count).alias(name) for name in COUNTS),
        *(_parse_cell(name, _NUMBER, parse_float).alias(name) for name in RATES),
        parse_observed_date(nw.col("raw_observed_on"), nw.col("dialect")).alias("observed_on"),
        count_videos(nw.col("text_top_videos")).alias("scraped_videos"),
        *(nw.col(f"text_{name}").alias(name) for name in ("nickname", "biography", "bio_link", "language", "region")),
    )
    expected = (
        dict.fromkeys(COUNTS, "a count such as 1200, 12,345 or 1.2M")
        | dict.fromkeys(RATES, "a number such as 0.05")
        | {"observed_on": "a real date in the form of its kind of file", "is_verified": "true or false"}
        | {"is_under_age": "true or false"}
    )
    cast = engine.try_cast(cleaned.drop([f"text_{name}" for name in texts]), TYPES)
    return _with_problems(cast, expected, texts=("account_id", "nickname", "biography", "bio_link"))


def clean_activity(raw: nw.LazyFrame[Any], engine: Engine) -> nw.LazyFrame[Any]:
    """Parse the rows of ``raw.creator_activity``; returns typed columns and ``problems`` as `clean_profiles` does."""
    scores: dict[str, CastType] = {"engagement_index": "float", "monetization_maturity": "float"}
    cleaned = _texts(raw, ACTIVITY_COLUMNS).with_columns(
        _text("account_id").alias("account_id"),
        *(_parse_cell(name, _NUMBER, parse_float).alias(name) for name in scores),
    )
    return _with_problems(engine.try_cast(cleaned, scores), dict.fromkeys(scores, "a number"), texts=("account_id",))


def observed_days(raw: nw.LazyFrame[Any], engine: Engine) -> nw.LazyFrame[Any]:
    """Return ``observed_on`` as a date for each row of ``raw.profiles``; NULL if the cell cannot be parsed."""
    days = raw.select(parse_observed_date(nw.col("observed_on"), nw.col("dialect")).alias("observed_on"))
    return engine.try_cast(days, {"observed_on": "date"})


def one_of(text: nw.Expr, words: Iterable[str]) -> nw.Expr:
    """Return whether a text equals one of ``words``; false for NULL."""
    branches: Any = nw
    for word in words:
        branches = branches.when(text == nw.lit(word)).then(nw.lit(True))
    return nw.lit(False) if branches is nw else branches.otherwise(nw.lit(False))


def strip_and_nullify(text: nw.Expr) -> nw.Expr:
    """Strip white space; an empty text and a word of `NULL_WORDS` become NULL, as in `Engine.strip_and_nullify`."""
    # White space sorts before "!"; so do a few other characters, which stay as they are.
    has_space = (text < nw.lit("!")) | text.str.contains(_SPACE_LAST)
    stripped = nw.when(has_space).then(text.str.strip_chars()).otherwise(text)
    return nw.when(~text.str.contains(_BLANK)).then(stripped)


def delivered_handle(source: Source) -> nw.Expr:
    """Return the handle of a raw row, as `clean_profiles` and `clean_activity` parse it."""
    delivered = nw.col("account_id")
    text = strip_and_nullify(delivered)
    if source.name != PROFILES.name:
        return text
    is_canonical = delivered.str.contains(CANONICAL_HANDLE) & ~one_of(delivered, NULL_WORDS)
    return nw.when(is_canonical).then(delivered).otherwise(parse_handle(text, strip_and_nullify(nw.col("url"))))


def delivered_number(source: Source) -> nw.Expr:
    """Return the platform's id of a raw row where it can identify an account, as `clean_profiles` parses it."""
    if source.name != PROFILES.name:
        return nw.lit(None).cast(nw.String)
    delivered = nw.col("tiktok_id")
    parsed = usable_number(parse_account_id(strip_and_nullify(delivered)))
    return nw.when(delivered.str.contains(USABLE_NUMBER)).then(delivered).otherwise(parsed)


def parse_account_id(text: nw.Expr) -> nw.Expr:
    """Return the account id as text; NULL for a number in E-notation, which has lost its last digits."""
    other = nw.when(~text.str.contains(_SCIENTIFIC)).then(text.str.replace_all(r"[.]0+$", ""))
    return nw.when(text.str.contains(_DIGITS)).then(text).otherwise(other)


def parse_bool(text: nw.Expr) -> nw.Expr:
    """Return a boolean for a word of `TRUE_WORDS` or `FALSE_WORDS`, in any case; NULL for any other text."""
    lowered = text.str.to_lowercase()
    is_true, is_false = one_of(lowered, TRUE_WORDS), one_of(lowered, FALSE_WORDS)
    return nw.when(is_true).then(nw.lit(True)).when(is_false).then(nw.lit(False))


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
        .then(text)
    )


def parse_float(text: nw.Expr) -> nw.Expr:
    """Return a decimal number as text to cast; NULL for percent signs, decimal commas, infinity and other text."""
    return nw.when(text.str.contains(_NUMBER)).then(text)


def parse_date(text: nw.Expr, day_first: nw.Expr) -> nw.Expr:
    """Return a date as ISO text to cast: from yyyy-mm-dd (without its time), or from dd-mm-yyyy if ``day_first``."""
    with_time = text.str.contains(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.+Zz-]*$")
    iso = nw.when(text.str.contains(_ISO_DAY)).then(text).when(with_time).then(text.str.slice(0, 10))
    named = nw.when(text.str.contains(r"^[0-9]{2}-[0-9]{2}-[0-9]{4}$")).then(day_first_to_iso(text))
    return nw.when(day_first).then(named).otherwise(iso)


def day_first_to_iso(text: nw.Expr) -> nw.Expr:
    """Rearrange dd-mm-yyyy into yyyy-mm-dd."""
    return nw.concat_str([text.str.slice(6, 4), text.str.slice(3, 2), text.str.slice(0, 2)], separator="-")


def parse_observed_date(delivered: nw.Expr, dialect: nw.Expr) -> nw.Expr:
    """Return the observation date as ISO text to cast, in the date format of its dialect; see `parse_date`."""
    day_first = one_of(dialect, DAY_FIRST_DIALECTS)
    is_iso = ~day_first & delivered.str.contains(_ISO_DAY)
    return nw.when(is_iso).then(delivered).otherwise(parse_date(strip_and_nullify(delivered), day_first))


def count_videos(text: nw.Expr) -> nw.Expr:
    """Count the videos of a list: ``"video_id"`` in a JSON array of objects, or ``/video/`` in a list of links."""

    def occurrences(mark: str) -> nw.Expr:
        return (text.str.len_chars() - text.str.replace_all(mark, "", literal=True).str.len_chars()) // len(mark)

    objects = text.str.contains('"video_id"', literal=True)
    return nw.when(objects).then(occurrences('"video_id"')).otherwise(occurrences("/video/")).cast(nw.Int64)


def _texts(raw: nw.LazyFrame[Any], names: Iterable[str]) -> nw.LazyFrame[Any]:
    """Rename the delivered columns to ``raw_<name>``."""
    return raw.rename({name: f"raw_{name}" for name in names})


def _text(name: str) -> nw.Expr:
    """Return the delivered cell, stripped, blank as NULL."""
    return strip_and_nullify(nw.col(f"raw_{name}"))


def _parse_cell(name: str, pattern: str, parser: Callable[[nw.Expr], nw.Expr]) -> nw.Expr:
    """Apply ``parser`` to the delivered cell, unless it matches the canonical ``pattern`` already."""
    delivered = nw.col(f"raw_{name}")
    return nw.when(delivered.str.contains(pattern)).then(delivered).otherwise(parser(_text(name)))


def _with_problems(
    frame: nw.LazyFrame[Any], expected: dict[str, str], *, texts: tuple[str, ...]
) -> nw.LazyFrame[Any]:
    r"""Add ``problems``: each cell that cannot be parsed with the expected form, joined by ``\\x1f``."""
    unparsed = [
        nw.when(nw.col(name).is_null()).then(
            nw.when(~_text(name).is_null()).then(
                nw.concat_str(
                    [
                        nw.lit(f"{name}: "),
                        nw.col(f"raw_{name}")
                        .str.slice(0, _QUOTED_CHARACTERS)
                        .str.replace_all(_SPLIT, " ", literal=True),
                        nw.lit(f" is not {form}"),
                    ]
                )
            )
        )
        for name, form in expected.items()
    ]
    nul = [
        nw.when(nw.col(name).str.contains("\x00", literal=True)).then(nw.lit(f"{name}: holds a NUL character"))
        for name in texts
    ]
    has_problem = nw.any_horizontal(
        ~nw.col("read_problem").is_null(),
        *(nw.col(name).is_null() for name in expected),
        *(nw.col(name).fill_null("").str.contains("\x00", literal=True) for name in texts),
        ignore_nulls=False,
    )
    problems = nw.concat_str([nw.col("read_problem"), *unparsed, *nul], separator=_SPLIT, ignore_nulls=True)
    return frame.with_columns(nw.when(has_problem).then(problems).otherwise(nw.lit("")).alias("problems"))
