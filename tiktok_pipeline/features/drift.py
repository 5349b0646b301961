"""Tells how far the distribution of each feature has moved since the snapshot before: the population stability index.

The index (PSI; Siddiqi 2006, Credit Risk Scorecards) compares the shares of rows in bins that the earlier snapshot sets.
What chance alone gives is from Yurdakul 2018, Statistical Properties of Population Stability Index. Counts are the
engine's; only they come to Python. Which snapshots are compared, and what is done about drift, does not belong here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import narwhals as nw

from tiktok_pipeline.features.sample import sample_frame
from tiktok_pipeline.warehouse.base import Engine

MODERATE, MAJOR = 0.1, 0.25
"""The usual thresholds of the index (no unit): from here on a shift is worth a look, and worth an alarm."""

BINS = 10
"""Bins of equal share in the earlier snapshot, where its values are not tied."""

MOST_BY_CHANCE = MODERATE / 2
"""The index that chance alone may give, on average, where one is to be told."""

SAME = 1e-13
"""Relative difference within which two values are one: an interpolated quantile of equal values is some 1e-16 off."""


@dataclass(frozen=True)
class Drift:
    """How far one feature has moved; ``psi`` has no unit and is at least 0, ``why_not`` says why there is none.

    The rows are those of the whole snapshot, with the ones that lack the feature: a NULL is a bin like any other.
    """

    feature: str
    psi: float | None
    rows_before: int
    rows_now: int
    why_not: str | None


def drift(before: nw.LazyFrame[Any], now: nw.LazyFrame[Any], features: Sequence[str], engine: Engine) -> list[Drift]:
    """The drift of each feature from one snapshot to the next, in the order given; numbers and booleans (as 0 and 1).

    The bins come from a bounded sample of the earlier snapshot (`sample_frame`); every row of both is counted into them.
    """
    sample = sample_frame(before, engine).sample
    cuts = {name: _cuts(_deciles(sample, name)) for name in features}
    earlier, later = _counts(before, cuts), _counts(now, cuts)
    return [_judged(name, earlier[name], later[name]) for name in features]


def _number(name: str) -> nw.Expr:
    return nw.col(name).cast(nw.Float64)


def _fetched(frame: nw.LazyFrame[Any], aggregates: Mapping[str, nw.Expr]) -> dict[str, Any]:
    """The one row of a query of aggregates."""
    table = frame.select(**aggregates).collect("pyarrow").to_native()
    row: dict[str, Any] = table.to_pylist()[0]
    return row


def _deciles(frame: nw.LazyFrame[Any], name: str) -> list[float]:
    """The inner edges of `BINS` bins of equal share, ascending; none where the feature has no value.

    One query for each feature, because each exact quantile holds its whole column in memory.
    """
    shares = [number / BINS for number in range(1, BINS)]
    value = _number(name)
    found = _fetched(frame, {f"q{share}": value.quantile(share, interpolation="linear") for share in shares})
    return [edge for edge in found.values() if edge is not None]


def _cuts(edges: Sequence[float]) -> list[float]:
    """The upper bounds of all bins but the last, ascending: one at each edge, and one just below an edge that repeats.

    An edge repeats where one value has a fifth of the known rows, and may from a tenth on. That value is a bin of its
    own then, so that a move away from it is seen either way. Bins that are empty in both snapshots count for nothing.
    """
    cuts = {edge + _slack(edge) for edge in edges}
    tied = {edge for edge, following in pairwise(edges) if math.isclose(edge, following, rel_tol=4 * SAME)}
    return sorted(cuts | {edge - _slack(edge) for edge in tied})


def _slack(edge: float) -> float:
    """What is added to an edge so that values equal to it are surely within; more than 0 at an edge of 0, too."""
    return abs(edge) * SAME + 1e-300


def _counts(frame: nw.LazyFrame[Any], cuts: Mapping[str, Sequence[float]]) -> dict[str, list[int]]:
    """The rows of each feature by bin, those with NULL last; one query."""
    aggregates = {"rows": nw.len()}
    for number, (name, bounds) in enumerate(cuts.items()):
        value = _number(name)
        aggregates[f"known_{number}"] = value.count()
        for place, bound in enumerate(bounds):
            aggregates[f"upto_{number}_{place}"] = (value <= bound).cast(nw.Int64).sum()
    found = _fetched(frame, aggregates)
    counts = {}
    for number, (name, bounds) in enumerate(cuts.items()):
        # A sum over no rows is NULL.
        below = [int(found[f"upto_{number}_{place}"] or 0) for place in range(len(bounds))]
        steps = [0, *below, found[f"known_{number}"], found["rows"]]
        counts[name] = [int(upper - lower) for lower, upper in pairwise(steps)]
    return counts


def _judged(name: str, before: Sequence[int], now: Sequence[int]) -> Drift:
    """The index of one feature from its rows by bin, unless the rows are too few or all NULL."""
    rows_before, rows_now = sum(before), sum(now)
    occupied = [(then, later) for then, later in zip(before, now, strict=True) if then or later]
    psi, why_not = None, None
    if not any(before[:-1]) and not any(now[:-1]):
        why_not = "no value in either snapshot"
    elif _by_chance(len(occupied), rows_before, rows_now) > MOST_BY_CHANCE:
        why_not = f"too few rows to tell drift from chance ({rows_before:,} before, {rows_now:,} now)"
    else:
        psi = sum(_term(_share(then, rows_before), _share(later, rows_now)) for then, later in occupied)
    return Drift(name, psi, rows_before, rows_now, why_not)


def _by_chance(bins: int, rows_before: int, rows_now: int) -> float:
    """The index to expect of two samples of one distribution; a lone bin counts as two, of which one was not met."""
    if not rows_before or not rows_now:
        return math.inf
    return (max(bins, 2) - 1) * (1 / rows_before + 1 / rows_now)


def _share(rows: int, of: int) -> float:
    """The fraction of the rows; none is taken for half a row, so that the logarithm exists."""
    return (rows or 0.5) / of


def _term(before: float, now: float) -> float:
    return (now - before) * math.log(now / before)
