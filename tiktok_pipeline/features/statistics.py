"""Describes the features of a snapshot: aggregates in the engine, quantiles and correlations on a bounded sample.

Skewness is pandas' (adjusted Fisher-Pearson, G1 of Joanes and Gill 1998); std has n - 1 in the denominator.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import combinations
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tiktok_pipeline.features.catalogue import feature_names
from tiktok_pipeline.features.schema import STATISTICS_TABLE

SKEWNESS_DIGITS = 6
"""Significant digits of a skewness: sums of third powers lose more than other sums to the order of the rows."""

SMALLEST_TEST, LARGEST_TEST = 20, 5_000
"""Rows that the test of normality needs, and that it looks at."""

QUANTILES = {"q05": 0.05, "q25": 0.25, "median": 0.5, "q75": 0.75, "q95": 0.95}


def describe(features: nw.LazyFrame[Any], source: str, sample: nw.LazyFrame[Any]) -> pd.DataFrame:
    """Rows of ``features.statistics`` for each feature of a source; no rows where there are no features.

    Quantiles are those of ``sample``, which is all rows where there are at most
    `tiktok_pipeline.features.sample.MAX_SAMPLE_ROWS`; all else is of all rows.
    """
    names = feature_names(source)
    quantiles = {name: _quantiles(sample, name) for name in names}
    moments = _moments(features, {name: quantiles[name]["median"] or 0.0 for name in names})
    rows = [
        (source, name, "", statistic, value)
        for name in names
        for statistic, value in _one(moments, name, quantiles[name]).items()
    ]
    if not rows or not rows[0][-1]:
        return pd.DataFrame(columns=STATISTICS_TABLE.frame_names)
    return pd.DataFrame(rows, columns=STATISTICS_TABLE.frame_names)


def correlate(sample: pd.DataFrame, source: str) -> pd.DataFrame:
    """Rows of ``features.statistics`` for each pair: Pearson, and Spearman (of ranks, so no matter how heavy the tail).

    ``sample`` has the numeric features of at most some tens of thousands of rows; NULL where a column is constant.
    """
    names = [name for name in feature_names(source) if name in sample.columns]
    if sample.empty:
        return pd.DataFrame(columns=STATISTICS_TABLE.frame_names)
    varying = sample[[name for name in names if sample[name].min() < sample[name].max()]]
    rows = []
    for statistic in ("pearson", "spearman"):
        # pandas ranks each pair anew on the rows that have both: ranks of whole columns are wrong where a value is missing.
        matrix = varying.corr(method=statistic).reindex(index=names, columns=names)
        rows += [(source, a, b, statistic, float(matrix[b][a])) for a, b in combinations(names, 2)]
    return pd.DataFrame(rows, columns=STATISTICS_TABLE.frame_names)


def judge_normality(sample: pd.DataFrame, source: str) -> pd.DataFrame:
    """Rows of ``features.statistics``: a test of normality for each feature, beside the rule of seed 004.

    The test is D'Agostino and Pearson's K² (1973; ``normality`` and its ``normality_p``), on at most 5,000 rows, because any
    small departure is significant on many. ``is_skewness_within_1`` is the rule of seed 004, which tests nothing:
    a bimodal feature passes it.
    """
    from scipy.stats import normaltest, skew  # noqa: PLC0415 - importing it costs half a second

    rows: list[tuple[str, str, str, str, float | None]] = []
    for name in (name for name in feature_names(source) if name in sample.columns):
        values = sample[name].dropna().astype("float64").head(LARGEST_TEST)
        varies = len(values) >= SMALLEST_TEST and values.min() < values.max()
        found = normaltest(values) if varies else None
        rows += [
            (source, name, "", "normality", float(found.statistic) if found else None),
            (source, name, "", "normality_p", float(found.pvalue) if found else None),
            (
                source,
                name,
                "",
                "is_skewness_within_1",
                float(abs(skew(values, bias=False)) <= 1.0) if varies else None,
            ),
        ]
    frame = pd.DataFrame(rows, columns=STATISTICS_TABLE.frame_names)
    return frame.astype({"value": "float64"})


def _moments(features: nw.LazyFrame[Any], shifts: Mapping[str, float]) -> dict[str, Any]:
    """The number of rows, and known values and sums of the first three powers of each feature, in one look at the rows.

    What is summed is the distance of a value from its shift. With a median for shift, which is never further from the mean
    than a standard deviation, nothing cancels out, and a feature that does not vary has sums of exactly 0. Plain sums take half
    the time of the engine's own variance and skewness.
    """
    away = {name: nw.col(name) - shift for name, shift in shifts.items()}
    wanted = {"rows": nw.len()}
    for name, distance in away.items():
        wanted |= {
            f"known_{name}": nw.col(name).count(),
            f"first_{name}": distance.sum(),
            f"second_{name}": (distance * distance).sum(),
            f"third_{name}": (distance * distance * distance).sum(),
        }
    row: dict[str, Any] = features.select(**wanted).collect("pyarrow").to_native().to_pylist()[0]
    return row | {f"shift_{name}": shift for name, shift in shifts.items()}


def _quantiles(sample: nw.LazyFrame[Any], name: str) -> dict[str, float | None]:
    """The quantiles of one feature; one after the other, so that only one is in memory."""
    column = sample.select(name).drop_nulls(name).collect("pyarrow")[name]
    values: NDArray[np.float64] = column.to_numpy().astype("float64", copy=False)
    found = np.quantile(values, list(QUANTILES.values())).tolist() if len(values) else [None] * len(QUANTILES)
    return dict(zip(QUANTILES, found, strict=True))


def _one(moments: Mapping[str, Any], name: str, quantiles: Mapping[str, float | None]) -> dict[str, float | None]:
    """The statistics of one feature."""
    known = moments[f"known_{name}"]
    first, second, third = (float(moments[f"{power}_{name}"] or 0.0) for power in ("first", "second", "third"))
    gap = first / known if known else 0.0  # between the mean and the shift
    variance = max(second / known - gap * gap, 0.0) if known else 0.0
    cubed = third / known - 3 * gap * second / known + 2 * gap**3 if known else 0.0
    return {
        "rows": moments["rows"],
        "missing": moments["rows"] - known,
        "mean": moments[f"shift_{name}"] + gap if known else None,
        "std": math.sqrt(variance * known / (known - 1)) if known > 1 else None,
        **quantiles,
        "skewness": _skewness(cubed / variance**1.5, known) if known > 2 and variance else None,
    }


def _skewness(biased: float, known: int) -> float:
    """The adjusted skewness (G1) of ``known`` values of which the biased one is known."""
    adjusted = biased * math.sqrt(known * (known - 1)) / (known - 2)
    return float(f"{adjusted:.{SKEWNESS_DIGITS - 1}e}")
