"""Decide whether engagement rates are fractions or percentages: 0.05 or 5 for five percent.

The identity like + comment = average holds in both units and decides nothing. Two things differ by a factor of 100:
the ratio of the rate to likes over (videos x followers), which is near 1 for the median creator of a file with
fractions (0.8 in the published data, where nine of ten are between 0.03 and 2), and the rate itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import narwhals as nw

from tiktok_pipeline.validated.clean import RATES
from tiktok_pipeline.validated.formats.formats import AmbiguousFormatError

LARGE_SHARE = 0.25
"""If more of the rates are large, their unit is examined. Of the published rates 14 % are."""

_MOST_FOR_FRACTIONS, _LEAST_FOR_PERCENT = 5.0, 15.0
_FEW_CREATORS = 5
_TYPICAL = {
    "avg_engagement_rate": (0.3, 2.0),
    "like_engagement_rate": (0.3, 2.0),
    "comment_engagement_rate": (0.01, 0.06),
}
"""A median up to the first is one of fractions, from the second one of percentages."""


@dataclass(frozen=True)
class RateSummary:
    """The positive cells of a rate column: number and median, also of their ratios to lifetime engagement."""

    cells: int
    median: float | None
    creators: int
    ratio: float | None


def rate_summaries(names: Sequence[str]) -> list[nw.Expr]:
    """Return the aggregates over typed profiles that `summaries_of` reads."""
    expressions: list[nw.Expr] = []
    videos_and_followers = nw.col("videos_count").cast(nw.Float64) * nw.col("followers").cast(nw.Float64)
    for name in names:
        rate = nw.when(nw.col(name) > 0).then(nw.col(name))
        expected = nw.when((nw.col("likes") > 0) & (videos_and_followers > 0)).then(
            nw.col("likes").cast(nw.Float64) / videos_and_followers
        )
        ratio = rate / expected
        expressions += [
            rate.count().alias(f"{name}_cells"),
            rate.median().alias(f"{name}_median"),
            ratio.count().alias(f"{name}_creators"),
            ratio.median().alias(f"{name}_ratio"),
        ]
    return expressions


def summaries_of(row: Mapping[str, Any], names: Sequence[str]) -> dict[str, RateSummary]:
    """Return the summary of each rate that has a positive cell."""
    parts = ("cells", "median", "creators", "ratio")
    read = {name: RateSummary(*(row[f"{name}_{part}"] for part in parts)) for name in names}
    return {name: summary for name, summary in read.items() if summary.cells}


def decide_unit(summaries: Mapping[str, RateSummary], examples: Mapping[str, str], *, file: str) -> str:
    """Return the unit of the rates of a file, ``fraction`` or ``percent``.

    Parameters
    ----------
    summaries : mapping of str to RateSummary
        The rates of the file without a percent sign.
    examples : mapping of str to str
        A delivered cell of each.
    file : str
        The file's name, for messages.

    Raises
    ------
    AmbiguousFormatError
        If both units are plausible, or the columns disagree.
    """
    if not summaries:
        return "fraction"
    verdicts = {name: _unit_of(name, summary) for name, summary in summaries.items()}
    # The comments of a creator say little: they follow the others.
    main = {unit for name, unit in verdicts.items() if name != "comment_engagement_rate" and unit} or {
        unit for unit in verdicts.values() if unit
    }
    if len(main) == 1:
        return main.pop()
    name = next(iter(summaries))
    cell = examples.get(name) or f"{summaries[name].median:.4g}"
    raise AmbiguousFormatError(
        f"{file}: column {name}: {cell} could be a fraction or a percentage; neither likes per video and follower "
        f"nor the size of the rates (median {summaries[name].median:.4g}) settles it",
        remedy="add --rates fraction (0.05 is five percent) or --rates percent (5 is five percent)",
    )


def check_named_percent(name: str, summary: RateSummary, example: str, *, file: str) -> None:
    """Refuse a column that is of percentages by its name, and of fractions by its cells.

    Raises
    ------
    AmbiguousFormatError
        If the rates are a hundredth of what percentages are.
    """
    if summary.median and "%" not in example and _unit_of(name, summary) == "fraction":
        raise AmbiguousFormatError(
            f"{file}: column {name}: its name says percent, but rates such as {example} "
            f"(median {summary.median:.4g}) look like fractions",
            remedy="add --rates fraction (0.05 is five percent) or --rates percent (5 is five percent)",
        )


def _unit_of(name: str, summary: RateSummary) -> str:
    """Return the unit of one column; empty if it cannot be told."""
    median = summary.median or 0.0
    most, least = _TYPICAL[name]
    by_size = "fraction" if median <= most else "percent" if median >= least else ""
    if name == "comment_engagement_rate" or not summary.creators or summary.ratio is None:
        return by_size
    if summary.ratio <= _MOST_FOR_FRACTIONS:
        by_likes = "fraction"
    else:
        by_likes = "percent" if summary.ratio >= _LEAST_FOR_PERCENT else ""
    if summary.creators < _FEW_CREATORS and by_size != by_likes:
        return ""
    return by_likes


def may_be_percent(measures: Mapping[str, Any]) -> bool:
    """Return whether the evidence of a file has a rate column with many large cells."""
    return any(
        measures.get(f"format_large_{name}", 0) > LARGE_SHARE * measures.get(f"format_cells_{name}", 0)
        for name in RATES
    )
