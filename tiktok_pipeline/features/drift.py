"""Measures the drift of each feature between two snapshots with the population stability index (PSI).

The index compares the shares of rows in bins that the earlier snapshot defines. The engine counts; only the counts
come to Python. The caller decides which snapshots are compared and what follows from drift.

References
----------
N. Siddiqi (2006), "Credit Risk Scorecards".
B. Yurdakul (2018), "Statistical Properties of Population Stability Index" (the index to expect by chance).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import narwhals as nw
import pandas as pd

from tiktok_pipeline.features.catalog import FEATURES
from tiktok_pipeline.features.sample import columns_at_once, sample_frame
from tiktok_pipeline.features.schema import DRIFT_TABLE
from tiktok_pipeline.frames import count_rows, fetch_row
from tiktok_pipeline.warehouse.base import Engine

MODERATE, MAJOR = 0.1, 0.25
"""Common thresholds of the index (no unit): a moderate shift to review, and a major shift."""

BINS = 10
"""Number of bins. They have equal shares in the earlier snapshot, unless values are tied."""

MOST_BY_CHANCE = MODERATE / 2
"""Largest index to expect by chance for which an index is reported."""

SAME = 1e-13
"""Relative difference up to which values are equal: an interpolated quantile of equal values is about 1e-16 off."""


TIME_DEPENDENT = {"account_age_days"}
"""Features that grow from snapshot to snapshot, whatever the creators do."""

_SAME_INDEX = {"lacks_bio_link"}
"""Features that have the index of another one: the index does not see the direction of a feature."""


def drift_features(source: str) -> list[str]:
    """Return the features whose drift is measured: a feature and its logarithm, which have one index, count once.

    Examples
    --------
    >>> [name for name in drift_features("profiles") if name.endswith("followers")]
    ['followers']
    """
    return [
        feature.name
        for feature in FEATURES[source]
        if not feature.is_text
        and not feature.unit.startswith("ln(")
        and feature.name not in TIME_DEPENDENT | _SAME_INDEX
    ]


@dataclass(frozen=True)
class Drift:
    """The drift of one feature.

    Parameters
    ----------
    feature : str
        Name of the feature.
    psi : float or None
        Population stability index, at least 0; None if it is not defined.
    rows_before, rows_now : int
        Rows of the two snapshots. Rows without a value count: they are a bin of their own.
    why_not : str or None
        The reason if there is no index.
    """

    feature: str
    psi: float | None
    rows_before: int
    rows_now: int
    why_not: str | None


def drift(before: nw.LazyFrame[Any], now: nw.LazyFrame[Any], features: Sequence[str], engine: Engine) -> list[Drift]:
    """Measure the drift of each feature from one snapshot to another.

    Parameters
    ----------
    before, now : LazyFrame
        Rows of ``features.<source>`` of the earlier and the later snapshot.
    features : sequence of str
        Numeric or boolean features.
    engine : Engine
        The engine that holds both frames.

    Returns
    -------
    list of Drift
        In the order of ``features``. The bins come from a bounded sample of ``before``; all rows are counted.
    """
    sample = sample_frame(before, engine).sample
    cuts = {name: _cuts(edges) for name, edges in _deciles(sample, features).items()}
    earlier, later = _counts(before, cuts), _counts(now, cuts)
    return [_drift_of(name, earlier[name], later[name]) for name in features]


def to_frame(drifts: Sequence[Drift], source: str, previous_snapshot: str) -> pd.DataFrame:
    """Return rows of ``features.drift``."""
    rows = [
        (source, drift.feature, previous_snapshot, drift.psi, drift.rows_before, drift.rows_now, drift.why_not)
        for drift in drifts
    ]
    return pd.DataFrame(rows, columns=DRIFT_TABLE.frame_names).astype({"psi": "float64"})


def _number(name: str) -> nw.Expr:
    return nw.col(name).cast(nw.Float64)


def _deciles(frame: nw.LazyFrame[Any], names: Sequence[str]) -> dict[str, list[float]]:
    """Return the inner edges of `BINS` bins of equal share of each feature, ascending; none if it has no value.

    An exact quantile holds its column in memory, so each query is for so many features as `columns_at_once` says.
    """
    shares = [number / BINS for number in range(1, BINS)]
    edges: dict[str, list[float]] = {}
    for batch in columns_at_once(names, count_rows(frame)):
        row = fetch_row(
            frame.select(
                **{
                    f"{name}_{share}": _number(name).quantile(share, interpolation="linear")
                    for name in batch
                    for share in shares
                }
            )
        )
        for name in batch:
            found = [row[f"{name}_{share}"] for share in shares]
            edges[name] = [edge for edge in found if edge is not None]
    return edges


def _cuts(edges: Sequence[float]) -> list[float]:
    """Return the upper bounds of all bins but the last: one at each edge, and one just below an edge that repeats.

    An edge repeats if one value has at least a fifth of the known rows, and can repeat from a tenth on. That value is
    then a bin of its own, so that a move away from it shows in both directions. Bins without rows in both snapshots
    do not count.
    """
    cuts = {edge + _slack(edge) for edge in edges}
    tied = {edge for edge, following in pairwise(edges) if math.isclose(edge, following, rel_tol=4 * SAME)}
    return sorted(cuts | {edge - _slack(edge) for edge in tied})


def _slack(edge: float) -> float:
    """Return what is added to an edge so that values equal to it are below; positive even for an edge of 0."""
    return abs(edge) * SAME + 1e-300


def _counts(frame: nw.LazyFrame[Any], cuts: Mapping[str, Sequence[float]]) -> dict[str, list[int]]:
    """Return the rows of each feature by bin, those without a value last; one query."""
    aggregates = {"rows": nw.len()}
    for number, (name, bounds) in enumerate(cuts.items()):
        value = _number(name)
        aggregates[f"known_{number}"] = value.count()
        for place, bound in enumerate(bounds):
            aggregates[f"upto_{number}_{place}"] = (value <= bound).cast(nw.Int64).sum()
    row = fetch_row(frame.select(**aggregates))
    counts = {}
    for number, (name, bounds) in enumerate(cuts.items()):
        # A sum over no rows is NULL.
        below = [int(row[f"upto_{number}_{place}"] or 0) for place in range(len(bounds))]
        steps = [0, *below, row[f"known_{number}"], row["rows"]]
        counts[name] = [int(upper - lower) for lower, upper in pairwise(steps)]
    return counts


def _drift_of(name: str, before: Sequence[int], now: Sequence[int]) -> Drift:
    """Return the drift of one feature from its rows by bin; no index if the rows are too few or have no value."""
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
    """Return the index to expect of two samples of one distribution; one bin counts as two, one of them empty."""
    if not rows_before or not rows_now:
        return math.inf
    return (max(bins, 2) - 1) * (1 / rows_before + 1 / rows_now)


def _share(rows: int, of: int) -> float:
    """Return the fraction of the rows. No row counts as half a row, so that the logarithm is defined."""
    return (rows or 0.5) / of


def _term(before: float, now: float) -> float:
    return (now - before) * math.log(now / before)
