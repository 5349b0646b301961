r"""Numbers as people and programs write them: thousand marks, decimal commas, K and Mio., percent signs.

A cell has at most two readings, which differ in the decimal mark. Many cells have one: ``1.293.383`` is no decimal
number, and ``0,064`` has no thousands. The others are decided by the column, see `decide`.

Cells are reduced in two steps. `reduced` removes what has one meaning: signs, blanks and apostrophes between groups,
and words such as K, which become ``x3`` (times 10 to the 3rd; E-notation keeps its ``e``). What is left has digits
and the two marks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import narwhals as nw

from tiktok_pipeline.missing_values import NUMBER_NULL_PATTERN, WHITE_SPACE
from tiktok_pipeline.number_words import MULTIPLIERS
from tiktok_pipeline.validated.clean import LARGEST_EXACT_FLOAT, UNREADABLE

_BLANKS = "\u00a0\u2000-\u200b\u202f\u205f\u3000\ufeff"
_APOSTROPHES = "'\u2019\u02bc`\u00b4"

_E = r"(?:e[+-]?[0-9]{1,3})?$"
_X = r"(?:x-?[0-9]+)?$"
_ANY = r"(?:[ex][+-]?[0-9]+)?$"
_TWO_READINGS = r"^-?[1-9][0-9]{0,2}[.,][0-9]{3}(?:x-?[0-9]+)?$"
_HAS_LETTER = r"[^\x00-\x40]"
PERCENT_SIGN = "(?:[%\uff05\u066a]|(?i:percent|per cent|prozent|procent|pct)[.]?)"
_GROUP_MARK = f"[ _{_BLANKS}{_APOSTROPHES}\u066c]"
_ABOUT = (
    "^(?:[~\u2248\u2243>\u2265\u2191]"
    "|(?:about|approx[.]?|approximately|around|over|more than|ca[.]?|circa|etwa|\u00fcber) ) *"
)
"""What stands before a rounded number."""
_CHANGE = "[ ]*(?:[(][+\u2212\u2013\u00b1-] ?[0-9][0-9.,' ]*[km%]?[)]|[\u25b2\u25bc\u2191\u2193].*)$"
"""The growth that stands behind a number: ``1,250 (+12)``."""
_COUNTED = (
    *("followers", "follower", "fans", "following", "likes", "hearts", "videos", "posts", "abonnenten", "abonnés"),
    *("seguidores", "følgere", "volgers", "vidéos", "vídeos", "beiträge", "curtidas"),
)
"""Words behind a number that say what it counts."""

CLASSES: Mapping[str, str] = {
    "short": r"^-?[0-9]{1,3}$",
    "long": r"^-?[0-9]+(?:e[+-]?[0-9]{1,3})?$",
    "suffix": r"^-?[0-9]+x-?[0-9]+$",
    **{
        f"{name} {label}": pattern.replace("M", mark).replace("G", group)
        for name, mark, group in (("point", "[.]", ","), ("comma", ",", "[.]"))
        for label, pattern in {
            # Zeros behind the mark: a whole number or thousands; other digits: a fraction or thousands.
            "zeros": r"^-?[1-9][0-9]{0,2}M000$",
            "digits": r"^-?[1-9][0-9]{0,2}M[0-9]{3}$",
            "three suffix": r"^-?[1-9][0-9]{0,2}M[0-9]{3}x-?[0-9]+$",
            "groups": rf"^-?[1-9][0-9]{{0,2}}(?:M[0-9]{{3}}){{2,}}{_X}",
            "lakh": rf"^-?[1-9][0-9]?(?:M[0-9]{{2}})+M[0-9]{{3}}{_X}",
            "decimal suffix": r"^-?[0-9]*M[0-9]*x-?[0-9]+$",
            "decimal": rf"^-?(?:[0-9]+M[0-9]*|M[0-9]+){_E}",
            "both": rf"^-?[1-9][0-9]{{0,2}}(?:G[0-9]{{3}})+M[0-9]*{_ANY}",
        }.items()
    },
}
"""The classes of reduced cells, in the order in which they are tried."""


def strip_blanks(text: nw.Expr) -> nw.Expr:
    """Return a text in lower case without white space at its ends, also of the kinds that word processors write."""
    blank = rf"[{WHITE_SPACE}{_BLANKS}]"
    return text.str.replace_all(f"^{blank}+|{blank}+$", "").str.to_lowercase()


def reduced(text: nw.Expr) -> nw.Expr:
    """Return a number without signs, blanks and words, ready for `CLASSES`; any other text as no class matches it."""
    number = strip_blanks(text).str.replace_all(rf"^[{_APOSTROPHES}]", "").str.replace_all("\u2212", "-")
    number = number.str.replace_all(_ABOUT, "").str.replace_all(_CHANGE, "")
    number = number.str.replace_all(r"^[+]", "").str.replace_all(rf"[ {_BLANKS}]*{PERCENT_SIGN}$", "x-2")
    number = nw.when(number.str.contains(_HAS_LETTER)).then(_without_words(number)).otherwise(number)
    number = number.str.replace_all(r"([0-9])[+]$", r"\1")
    is_plain = text.str.contains("^[0-9.]*$")
    is_grouped = number.str.contains(rf"^-?[0-9]{{1,3}}(?:{_GROUP_MARK}[0-9]{{3}})+(?:[.,][0-9]*)?{_X}")
    # Most cells have digits only: the engine evaluates the other branches for the rest.
    without_groups = number.str.replace_all(_GROUP_MARK, "")
    return nw.when(is_plain).then(text).when(is_grouped).then(without_groups).otherwise(number)


def multiplied(number: nw.Expr, power: int) -> nw.Expr:
    """Return a reduced cell in the unit of its column: with a word of its own, a cell stays as it is."""
    if not power:
        return number
    with_power = nw.concat_str([number, nw.lit(f"x{power}")])
    return (
        nw.when(number.str.contains(r"^-?[0-9]*[.,]?[0-9][0-9.,]*$"))
        .then(with_power)
        .when(number.str.contains("^-?[0-9.,]+e"))
        .then(nw.lit("?e"))
        .otherwise(number)
    )


def _without_words(number: nw.Expr) -> nw.Expr:
    number = number.str.replace_all(rf"([^ {_BLANKS}])[ {_BLANKS}]+(?:{'|'.join(_COUNTED)})$", r"\1")
    for power, words in MULTIPLIERS.items():
        alternatives = "|".join(sorted((re.escape(word) for word in words), key=len, reverse=True))
        word = rf"([0-9][.,]?)[ {_BLANKS}]*(?:{alternatives})[ {_BLANKS}]*[+]?$"
        number = number.str.replace_all(word, rf"\1x{power}")
    return number


def class_of(number: nw.Expr) -> nw.Expr:
    """Return the name in `CLASSES` of a reduced cell, ``missing``, or ``other``."""
    branches: Any = nw
    for name, pattern in CLASSES.items():
        branches = branches.when(number.str.contains(pattern)).then(nw.lit(name))
    is_missing = number.str.contains(f"^({NUMBER_NULL_PATTERN})?$")
    result: nw.Expr = branches.when(is_missing | number.is_null()).then(nw.lit("missing")).otherwise(nw.lit("other"))
    return result


def canonical_count(number: nw.Expr, decimal: str, delivered: nw.Expr) -> nw.Expr:
    """Return a reduced cell as digits; `UNREADABLE` and the delivered cell if it is no integer in this format.

    Parameters
    ----------
    number : Expr
        The cell as `reduced` returns it.
    decimal : str
        The decimal mark of the column; empty if cells with two readings are not readable.
    delivered : Expr
        The cell as it was delivered.
    """
    text = _with_point(number, decimal)
    value = text.cast(nw.Float64)
    is_integer = (value == value.floor()) & (value.abs() <= LARGEST_EXACT_FLOAT)
    digits = nw.when(is_integer & ~number.str.contains("x-2$")).then(value).cast(nw.Int64).cast(nw.String)
    parsed = nw.when(text.str.contains(r"^-?[0-9]+$")).then(text).when(~text.is_null()).then(digits)
    return _or_unreadable(parsed, number, delivered)


def canonical_rate(number: nw.Expr, decimal: str, unit: str, delivered: nw.Expr) -> nw.Expr:
    """Return a reduced cell as a decimal fraction; `UNREADABLE` and the delivered cell if it is no number.

    Parameters
    ----------
    number, decimal, delivered
        As in `canonical_count`.
    unit : {"fraction", "percent", "sign"}
        The unit of a cell without a percent sign; ``sign`` if such a cell is not readable unless it is zero.
    """
    has_sign = number.str.contains("x-2$")
    text = _rate_with_point(number, decimal)
    is_plain = text.str.contains(r"^-?[0-9.]+$")
    hundredth = nw.concat_str([text, nw.lit("e-02")])
    by_float = (text.cast(nw.Float64) / 100.0).cast(nw.String)
    percent = nw.when(is_plain).then(hundredth).when(~text.is_null()).then(by_float)
    fraction = nw.when(has_sign).then(text.str.replace_all("e-2$", "e-02")).otherwise(text)
    if unit == "percent":
        parsed = nw.when(has_sign).then(fraction).otherwise(percent)
    elif unit == "sign":
        parsed = nw.when(has_sign | text.str.contains(r"^0*[.]?0*$")).then(fraction)
    else:
        parsed = fraction
    return _or_unreadable(parsed, number, delivered)


def _with_point(number: nw.Expr, decimal: str) -> nw.Expr:
    """Return a reduced cell as a text that a float can be cast from; NULL if it has no reading in this format."""
    is_point, is_comma = (_belongs_to(number, name) for name in ("point", "comma"))
    without_commas, without_points = (number.str.replace_all(mark, "", literal=True) for mark in (",", "."))
    with_point = without_points.str.replace_all(",", ".", literal=True)
    has_two = number.str.contains(_TWO_READINGS)
    if decimal:
        readings = (is_point, without_commas), (is_comma, with_point)
        first, second = readings if decimal == "." else readings[::-1]
        text = nw.when(first[0]).then(first[1]).when(second[0]).then(second[1])
    else:
        text = nw.when(is_point & ~has_two).then(without_commas).when(is_comma & ~has_two).then(with_point)
    return text.str.replace_all("x", "e", literal=True)


def _rate_with_point(number: nw.Expr, decimal: str) -> nw.Expr:
    """Return a reduced rate as a text that a float can be cast from: a single mark is a decimal mark.

    A cell such as ``1,234`` has no reading in a column with decimal points: it may be 1.234 or 1234.
    """
    is_point, is_comma = (
        number.str.contains(
            rf"^-?(?:[0-9]+|[0-9]*{mark}[0-9]*|[1-9][0-9]{{0,2}}(?:{group}[0-9]{{3}})+{mark}[0-9]*){_ANY}"
        )
        for mark, group in (("[.]", ","), (",", "[.]"))
    )
    has_two = number.str.contains(_TWO_READINGS)
    point = nw.when(~has_two | nw.lit(decimal == ".")).then(number.str.replace_all(",", "", literal=True))
    with_point = number.str.replace_all(".", "", literal=True).str.replace_all(",", ".", literal=True)
    comma = nw.when(~has_two | nw.lit(decimal == ",")).then(with_point)
    return nw.when(is_point).then(point).when(is_comma).then(comma).str.replace_all("x", "e", literal=True)


def _belongs_to(number: nw.Expr, name: str) -> nw.Expr:
    """Return whether a reduced cell is a number with this decimal mark."""
    mark, group = ("[.]", ",") if name == "point" else (",", "[.]")
    groups = rf"(?:[0-9]+|[1-9][0-9]{{0,2}}(?:{group}[0-9]{{3}})+|[1-9][0-9]?(?:{group}[0-9]{{2}})+{group}[0-9]{{3}})"
    plain = rf"(?:[0-9]+(?:{mark}[0-9]*)?|{mark}[0-9]+){_E}"
    return number.str.contains(rf"^-?(?:(?:{groups}(?:{mark}[0-9]*)?|{mark}[0-9]+){_X}|{plain})")


def _or_unreadable(parsed: nw.Expr, number: nw.Expr, delivered: nw.Expr) -> nw.Expr:
    is_missing = number.str.contains(f"^({NUMBER_NULL_PATTERN})?$")
    marked = nw.concat_str([nw.lit(UNREADABLE), delivered])
    return (
        nw.when(is_missing)
        .then(delivered)
        .when(~parsed.is_null())
        .then(parsed)
        .otherwise(nw.when(~delivered.is_null()).then(marked))
    )
