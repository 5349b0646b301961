"""Describes the features of a snapshot: aggregates in the engine, quantiles and correlations on a bounded sample.

Skewness is pandas' (adjusted Fisher-Pearson, G1 of Joanes and Gill 1998); std has n - 1 in the denominator.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
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
    `tiktok_pipeline.features.sample.MAX_ORDER_ROWS`; all else is of all rows.
    """
    names = feature_names(source)
    moments = _moments(features, names)
    rows = [
        (source, name, "", statistic, value)
        for name in names
        for statistic, value in _one(moments, name, _known(sample, name)).items()
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


def _moments(features: nw.LazyFrame[Any], names: Sequence[str]) -> dict[str, Any]:
    """The number of rows, and known values, mean, std and biased skewness of each feature, in one look at the rows."""
    wanted = {"rows": nw.len()}
    for name in names:
        value = nw.col(name)
        wanted |= {
            f"known_{name}": value.count(),
            f"mean_{name}": value.mean(),
            f"std_{name}": value.std(ddof=1),
            f"biased_{name}": value.skew(),
        }
    row: dict[str, Any] = features.select(**wanted).collect("pyarrow").to_native().to_pylist()[0]
    return row


def _known(sample: nw.LazyFrame[Any], name: str) -> NDArray[np.float64]:
    """The values of one feature; one after the other, so that only one is in memory."""
    column = sample.select(name).drop_nulls(name).collect("pyarrow")[name]
    values: NDArray[np.float64] = column.to_numpy().astype("float64", copy=False)
    return values


def _one(moments: Mapping[str, Any], name: str, values: NDArray[np.float64]) -> dict[str, float | None]:
    """The statistics of one feature."""
    known, biased = moments[f"known_{name}"], moments[f"biased_{name}"]
    defined = biased is not None and known > 2 and math.isfinite(biased)
    quantiles = np.quantile(values, list(QUANTILES.values())).tolist() if len(values) else [None] * len(QUANTILES)
    return {
        "rows": moments["rows"],
        "missing": moments["rows"] - known,
        "mean": moments[f"mean_{name}"],
        "std": moments[f"std_{name}"],
        **dict(zip(QUANTILES, quantiles, strict=True)),
        "skewness": _skewness(biased, known) if defined else None,
    }


def _skewness(biased: float, known: int) -> float:
    """The adjusted skewness (G1) of ``known`` values of which the biased one is known."""
    adjusted = biased * math.sqrt(known * (known - 1)) / (known - 2)
    return float(f"{adjusted:.{SKEWNESS_DIGITS - 1}e}")
