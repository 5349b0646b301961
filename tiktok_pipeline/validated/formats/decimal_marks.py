"""Decide the decimal mark of a column of numbers, from all its cells and from the other columns of the file."""

from __future__ import annotations

from collections.abc import Mapping

from tiktok_pipeline.validated.formats.formats import AmbiguousFormatError
from tiktok_pipeline.validated.formats.tally import MINORITY, Tally, outweighs

_OTHER = {".": ",", ",": "."}
_NAMES = {".": "point", ",": "comma"}
LARGEST_AUDIENCE = 1_000_000_000
"""No account has more followers, follows more accounts or has published more videos."""


def decide_count(name: str, tally: Tally, rates: str, others: str, *, option: str | None, file: str) -> str:
    """Return the decimal mark of a column of counts.

    Parameters
    ----------
    name : str
        The column.
    tally : Tally
        Its cells by class, see `tiktok_pipeline.validated.formats.numbers.CLASSES`.
    rates, others : str
        The decimal marks of the file's rates and of its other counts, as far as their own cells show them; empty if
        they do not.
    option : str, optional
        The mark that the user gave.
    file : str
        The file's name, for messages.

    Returns
    -------
    str
        Empty if no cell depends on the mark, or so few that they are left out.

    Raises
    ------
    AmbiguousFormatError
        If cells have two readings and nothing tells which is right.
    """
    both = [f"{mark} {label}" for mark in _NAMES.values() for label in ("zeros", "digits", "three suffix")]
    if not tally.count(both):
        return ""
    decided = option or own_mark(tally) or _mark_of_file(name, tally, rates, others)
    if decided or tally.count(both) <= MINORITY * tally.filled:
        return decided
    raise _refusal(name, tally, tally.example(both), file)


def own_mark(tally: Tally) -> str:
    """Return the decimal mark of a column of counts that its own cells show; empty if they show none or both.

    A count is a whole number: ``3.912`` is no count with a decimal point, so the point marks thousands.
    """
    point, comma = (_shown(tally, _NAMES[mark], _NAMES[_OTHER[mark]]) for mark in (".", ","))
    if outweighs(point, comma):
        return "."
    if outweighs(comma, point):
        return ","
    if point or comma:
        return ""
    point, comma = (tally.count([f"{name} decimal suffix"]) for name in ("point", "comma"))
    if bool(point) != bool(comma):
        return "." if point else ","
    return _mark_beside_small_counts(tally)


def decide_number(name: str, tally: Tally, *, option: str | None, file: str) -> str:
    """Return the decimal mark of a column of rates or scores, in which a single mark is a decimal mark.

    Raises
    ------
    AmbiguousFormatError
        If cells such as 1.234 and 1,234 occur side by side and nothing tells them apart.
    """
    three = {
        mark: [f"{word} {label}" for label in ("zeros", "digits", "three suffix")] for mark, word in _NAMES.items()
    }
    open_cells = tally.count([*three["."], *three[","]])
    decided = option or number_mark(tally)
    if decided or open_cells <= MINORITY * tally.filled:
        return decided
    raise _refusal(name, tally, tally.example([*three[","], *three["."]]), file)


def number_mark(tally: Tally) -> str:
    """Return the decimal mark of a column of rates or scores that its cells show; empty if they show none or both."""
    labels = ("decimal", "decimal suffix", "both")
    point, comma = (tally.count(f"{word} {label}" for label in labels) for word in ("point", "comma"))
    if not point and not comma:
        point, comma = (
            tally.count(f"{word} {label}" for label in ("zeros", "digits", "three suffix"))
            for word in ("point", "comma")
        )
    return "." if outweighs(point, comma) else "," if outweighs(comma, point) else ""


def _shown(tally: Tally, decimal: str, group: str) -> int:
    """Return the cells that have no reading unless ``decimal`` is the decimal mark and ``group`` marks thousands."""
    return tally.count(
        [f"{decimal} decimal", f"{decimal} both", f"{group} groups", f"{group} lakh", f"{group} digits"]
    )


def _mark_beside_small_counts(tally: Tally) -> str:
    """Return the decimal mark if all counts below 1000 are bare and all others have a mark before three zeros.

    A program that writes 1.000 for one writes 5.000 for five.
    """
    point, comma = (tally.count([f"{name} zeros"]) for name in ("point", "comma"))
    if bool(point) == bool(comma) or not tally.count(["short"]) or tally.count(["long"]):
        return ""
    return "," if point else "."


def _mark_of_file(name: str, tally: Tally, rates: str, others: str) -> str:
    zeros = {mark: tally.count([f"{word} zeros"]) for mark, word in _NAMES.items()}
    if zeros["."] and zeros[","]:
        return ""
    if others:
        return others
    for mark, cells in zeros.items():
        # A mark that is the decimal mark elsewhere does not mark thousands; the reverse does not hold: there are
        # files with decimal points in their rates and with points between thousands.
        if cells and rates == _OTHER[mark]:
            return rates
    if zeros["."] or zeros[","]:
        return ""
    if rates:
        return rates
    point, comma = (tally.count([f"{word} three suffix"]) for word in ("point", "comma"))
    is_audience = name != "likes" and bool(point) != bool(comma)
    in_millions = tally.example(["point three suffix", "comma three suffix"]).strip().upper().endswith(("M", "MIO."))
    # 1.293M followers with a mark of thousands would be 1293 millions.
    return ("." if point else ",") if is_audience and in_millions else ""


def _refusal(name: str, tally: Tally, example: str, file: str) -> AmbiguousFormatError:
    point = tally.example(["point decimal", "point both", "comma groups", "comma digits"])
    comma = tally.example(["comma decimal", "comma both", "point groups", "point digits"])
    shown = (
        f"{point} has a decimal point and {comma} a decimal comma" if point and comma else "no other cell shows which"
    )
    readings = " or ".join(
        f"{_value(example, mark)} with a decimal {_NAMES[mark]} (--decimal {mark})" for mark in (".", ",")
    )
    return AmbiguousFormatError(
        f"{file}: column {name}: {example!r} is {readings}; {shown}", remedy="say which with the option"
    )


def _value(cell: str, decimal: str) -> str:
    """Return how a cell reads with this decimal mark, for a message: the same text in plain digits."""
    text = cell.strip().replace(_OTHER[decimal], "").replace(decimal, ".")
    digits, point, rest = text.partition(".")
    fraction = rest[:3].rstrip("0") if rest[:3].isdigit() else rest
    tail = rest[3:] if rest[:3].isdigit() else ""
    return f"{digits}{point if fraction else ''}{fraction}{tail}"


def examples_of(tallies: Mapping[str, Tally]) -> dict[str, str]:
    """Return for each column a cell that is not in the canonical spelling."""
    return {
        name: tally.example([key for key in tally.cells if key not in ("short", "long", "missing", "other")])
        for name, tally in tallies.items()
    }
