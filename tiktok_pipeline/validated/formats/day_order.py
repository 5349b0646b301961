"""Decide how the dates of a column are read: day first, month first, two digits of the year first, or 2024-27-03."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

import narwhals as nw

from tiktok_pipeline.missing_values import NUMBER_NULL_PATTERN
from tiktok_pipeline.validated.formats.dates import ORDERS, YEAR_DAY_MONTH, days
from tiktok_pipeline.validated.formats.formats import AmbiguousFormatError
from tiktok_pipeline.validated.formats.numbers import strip_blanks
from tiktok_pipeline.validated.formats.tally import MINORITY, outweighs
from tiktok_pipeline.warehouse.base import Engine

_NAMES = {order: order.replace("-", "_") for order in ORDERS}
_FEWEST_DAYS_BEFORE_MONTHS = 0.25
"""Share of the dates that start with a year, from which days behind the year are an order and no mistakes."""

_NO_MONTH_BEHIND_YEAR = r"^[^0-9]*[0-9]{4}[^0-9]*(1[3-9]|[2-9][0-9])"
"""Shows that the day is behind the year; a later day than today would be the fault of a clock as well."""

_DOTTED = r"^ *[0-9]{1,2}[.] ?[0-9]{1,2}[.] ?[0-9]{2}"


def read_in_every_order(cells: nw.LazyFrame[Any], name: str, engine: Engine, *, latest: date) -> list[dict[str, Any]]:
    """Return the different cells of a column, grouped by the orders that can read them.

    Parameters
    ----------
    cells : LazyFrame
        Rows with the delivered texts in column ``name``.
    name : str
        The column.
    engine : Engine
        The engine that the frame lives in.
    latest : date
        The last plausible day.

    Returns
    -------
    list of dict
        For each group ``cells``, an ``example``, whether it ``is_dotted``, whether the number behind the year is no
        month (``has_no_month_second``), and for each order whether it can read the cells (``day_first``, ...) and
        whether two orders give the same day (``day_first_is_month_first``, ...).
    """
    different = cells.group_by(name).agg(nw.len().alias("cells"))
    filled = different.filter(~strip_blanks(nw.col(name)).str.contains(f"^({NUMBER_NULL_PATTERN})?$"))
    orders = {short: order for order, short in _NAMES.items()} | {"day_second": YEAR_DAY_MONTH}
    read = days(filled, name, orders, engine, latest=latest)
    shorts = [*_NAMES.values(), "day_second"]
    same = {f"{left}_is_{right}": nw.col(left) == nw.col(right) for left, right in _pairs(shorts)}
    flags = read.select(
        "cells",
        nw.col(name).alias("example"),
        nw.col(name).str.contains(_DOTTED).alias("is_dotted"),
        nw.col(name).str.contains(_NO_MONTH_BEHIND_YEAR).alias("has_no_month_second"),
        *((~nw.col(short).is_null()).alias(short) for short in shorts),
        *(equal.fill_null(False).alias(label) for label, equal in same.items()),
    )
    grouped = flags.group_by("is_dotted", "has_no_month_second", *shorts, *same).agg(
        nw.col("cells").sum().cast(nw.Int64), nw.col("example").min()
    )
    rows: list[dict[str, Any]] = grouped.sort("example").collect("pyarrow").to_native().to_pylist()
    return rows


def decide_order(name: str, groups: list[dict[str, Any]], *, option: str | None, file: str) -> tuple[str, str]:
    """Return the order of a column of dates, and a cell that shows it.

    An order wins against another if it reads cells that the other cannot read, and hardly any cell the other way
    round. A date with points between its parts is day first: no country writes the month first with points.

    Parameters
    ----------
    name : str
        The column.
    groups : list of dict
        Its cells as `read_in_every_order` groups them.
    option : str, optional
        The order that the user gave.
    file : str
        The file's name, for messages.

    Returns
    -------
    tuple of str
        Both are empty if every cell has one reading.

    Raises
    ------
    AmbiguousFormatError
        If two orders read the cells differently and nothing tells which is right.
    """
    if option:
        return option, ""
    if shown := _day_second(name, groups, file):
        return YEAR_DAY_MONTH, shown
    open_groups = [group for group in groups if _has_two_readings(group)]
    if not open_groups:
        return _best(groups)
    for order, short in _NAMES.items():
        others = [other for other in _NAMES.values() if other != short]
        if all(_wins(groups, short, other) for other in others):
            alone = (group for group in groups if group[short] and not any(group[other] for other in others))
            shown = next((group["example"] for group in alone), "")
            return order, shown
    if all(group["is_dotted"] and group["day_first"] for group in open_groups):
        return "day-first", open_groups[0]["example"]
    raise _refusal(name, open_groups[0], file)


def _day_second(name: str, groups: list[dict[str, Any]], file: str) -> str:
    """Return a cell which shows that the day stands between year and month; empty if the cells do not show it.

    Raises
    ------
    AmbiguousFormatError
        If many cells can be read only so, and many others only with the month behind the year.
    """
    shorts = list(_NAMES.values())
    only = [
        group
        for group in groups
        if group["day_second"] and group["has_no_month_second"] and not any(group[short] for short in shorts)
    ]
    against = [group for group in groups if not group["day_second"] and all(group[short] for short in shorts)]
    both = [group for group in groups if group["day_second"] and group["day_first"]]
    open_groups = [group for group in both if not group["day_first_is_day_second"]]
    n_only, n_against, n_open = (sum(group["cells"] for group in some) for some in (only, against, open_groups))
    if n_only < max(1, _FEWEST_DAYS_BEFORE_MONTHS * (n_only + n_against + n_open)):
        return ""
    shown = str(only[0]["example"])
    if n_against > MINORITY * n_only:
        other = str(against[0]["example"]).strip()[:60]
        raise AmbiguousFormatError(
            f"{file}: column {name}: {shown.strip()[:60]!r} has the day behind the year, and {other!r} the month",
            remedy="write all dates as 2024-05-31, or add --dates year-day-month or --dates year-month-day: "
            "the others are missing then",
        )
    return shown


def _best(groups: list[dict[str, Any]]) -> tuple[str, str]:
    """Return the order that reads most cells, where no cell has two readings; the first on a tie."""
    readable = {order: sum(group["cells"] for group in groups if group[short]) for order, short in _NAMES.items()}
    every_order = [group for group in groups if not all(group[short] for short in _NAMES.values())]
    shown = [group for group in every_order if any(group[short] for short in _NAMES.values())]
    if not shown:
        return "", ""
    order = max(readable, key=lambda candidate: readable[candidate])
    return order, next((group["example"] for group in shown if group[_NAMES[order]]), "")


def _has_two_readings(group: Mapping[str, Any]) -> bool:
    shorts = list(_NAMES.values())
    return any(group[left] and group[right] and not group[f"{left}_is_{right}"] for left, right in _pairs(shorts))


def _wins(groups: list[dict[str, Any]], short: str, other: str) -> bool:
    """Return whether the cells decide for one of two orders, or the two never differ."""
    alone = sum(group["cells"] for group in groups if group[short] and not group[other])
    against = sum(group["cells"] for group in groups if group[other] and not group[short])
    first, second = sorted((short, other), key=list(_NAMES.values()).index)
    differs = any(group[short] and group[other] and not group[f"{first}_is_{second}"] for group in groups)
    return outweighs(alone, against) if differs or against else True


def _pairs(names: list[str]) -> list[tuple[str, str]]:
    return [(left, right) for number, left in enumerate(names) for right in names[number + 1 :]]


def _refusal(name: str, group: Mapping[str, Any], file: str) -> AmbiguousFormatError:
    cell = str(group["example"]).strip()[:60]
    numbers = re.findall("[0-9]+", cell)[:3]
    first, second, year = numbers[0], numbers[1], f"20{numbers[-1]}" if len(numbers[-1]) == 2 else numbers[-1]
    if group["day_first"] and group["month_first"] and not group["day_first_is_month_first"]:
        readings = (
            f"{year}-{second:0>2}-{first:0>2} with the day first, {year}-{first:0>2}-{second:0>2} with the month"
        )
        remedy = "add --dates day-first or --dates month-first"
    else:
        readings = f"of the year {year} or of 20{first:0>2}"
        remedy = "write years with four digits, or add --dates day-first if the year is last"
    return AmbiguousFormatError(
        f"{file}: column {name}: {cell!r} is {readings}, and no cell shows which", remedy=remedy
    )
