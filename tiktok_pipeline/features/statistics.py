"""Describes the features of a snapshot: moments in the engine, quantiles and correlations on a bounded sample.

Skewness is the adjusted Fisher-Pearson coefficient G1, as in pandas. The standard deviation divides by n - 1.

References
----------
D. N. Joanes and C. A. Gill (1998), "Comparing measures of sample skewness and kurtosis", The Statistician 47(1).
R. B. D'Agostino and E. S. Pearson (1973), "Tests for departure from normality", Biometrika 60(3).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations, combinations_with_replacement
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tiktok_pipeline.features.catalog import feature_names
from tiktok_pipeline.features.sample import columns_at_once
from tiktok_pipeline.features.schema import STATISTICS_TABLE
from tiktok_pipeline.frames import count_rows, fetch_row

SKEWNESS_DIGITS = 6
"""Significant digits of a skewness. The order of the rows changes sums of third powers more than other sums."""
ROUNDING = 1e-12
"""Relative range up to which a feature is constant: ratios of equal parts differ in their last digits."""

SMALLEST_TEST, LARGEST_TEST = 20, 5_000
"""Fewest rows that the test of normality needs, and most rows that it is run on."""

QUANTILES = {"q05": 0.05, "q25": 0.25, "median": 0.5, "q75": 0.75, "q95": 0.95}


def describe(features: nw.LazyFrame[Any], source: str, sample: nw.LazyFrame[Any]) -> pd.DataFrame:
    """Describe each feature on its own.

    Parameters
    ----------
    features : LazyFrame
        Rows of ``features.<source>``. Counts, means, standard deviations and skewness are of all of them.
    source : str
        The source of the rows.
    sample : LazyFrame
        The bounded sample of ``features`` (`tiktok_pipeline.features.sample`) that the quantiles are of.

    Returns
    -------
    DataFrame
        Rows of ``features.statistics``; none for a snapshot without rows.
    """
    names = feature_names(source)
    quantiles = _quantiles(sample, names)
    moments = _moments(features, {name: quantiles[name]["median"] or 0.0 for name in names})
    rows = [
        (source, name, "", statistic, value)
        for name in names
        for statistic, value in _statistics_of(moments, name, quantiles[name]).items()
    ]
    if not rows or not rows[0][-1]:
        return pd.DataFrame(columns=STATISTICS_TABLE.frame_names)
    return pd.DataFrame(rows, columns=STATISTICS_TABLE.frame_names)


def correlate(sample: pd.DataFrame, source: str) -> pd.DataFrame:
    """Correlate each pair of features: Pearson, and Spearman, which compares ranks and so ignores heavy tails.

    Parameters
    ----------
    sample : DataFrame of shape (n_rows, n_features)
        The numeric features of at most some tens of thousands of rows.
    source : str
        The source of the rows.

    Returns
    -------
    DataFrame
        Rows of ``features.statistics``; the value of a pair with a constant feature is missing.
    """
    names = [name for name in feature_names(source) if name in sample.columns]
    if sample.empty:
        return pd.DataFrame(columns=STATISTICS_TABLE.frame_names)
    varying = sample[[name for name in names if _varies(sample[name])]]
    rows = []
    for statistic, found in {"pearson": varying.corr(), "spearman": _spearman(varying)}.items():
        matrix = found.reindex(index=names, columns=names)
        rows += [(source, a, b, statistic, float(matrix[b][a])) for a, b in combinations(names, 2)]
    return pd.DataFrame(rows, columns=STATISTICS_TABLE.frame_names)


def _spearman(values: pd.DataFrame) -> pd.DataFrame:
    """Return Spearman's correlation of each pair of columns, on the rows that have both values.

    As ``DataFrame.corr(method="spearman")``, which ranks each pair anew. Columns that miss the same rows are ranked
    together here: some tens of ranks for hundreds of pairs.
    """
    columns: dict[bytes, list[str]] = {}
    for name, cells in values.items():
        columns.setdefault(cells.isna().to_numpy().tobytes(), []).append(str(name))
    matrix = pd.DataFrame(index=values.columns, columns=values.columns, dtype="float64")
    for these, others in combinations_with_replacement(columns.values(), 2):
        known = values[list(dict.fromkeys([*these, *others]))].dropna()
        found = known.rank().corr()
        matrix.loc[these, others] = found.loc[these, others]
        matrix.loc[others, these] = found.loc[others, these]
    return matrix


def judge_normality(sample: pd.DataFrame, source: str) -> pd.DataFrame:
    """Test the normality of each feature.

    ``normality`` and ``normality_p`` are D'Agostino and Pearson's K² and its p-value, on at most 5,000 rows, because
    on many rows every small departure is significant. ``is_skewness_within_1`` is the rule that the published study
    behind `creator_archetypes` uses instead. It is not a test: a bimodal feature passes it.

    Parameters
    ----------
    sample : DataFrame of shape (n_rows, n_features)
        The numeric features of a bounded sample.
    source : str
        The source of the rows.

    Returns
    -------
    DataFrame
        Rows of ``features.statistics``; the value is missing for a constant feature or fewer than 20 known values.
    """
    from scipy.stats import normaltest, skew  # noqa: PLC0415 - importing it costs half a second

    rows: list[tuple[str, str, str, str, float | None]] = []
    for name in (name for name in feature_names(source) if name in sample.columns):
        values = sample[name].dropna().astype("float64").head(LARGEST_TEST)
        varies = len(values) >= SMALLEST_TEST and _varies(values)
        result = normaltest(values) if varies else None
        rows += [
            (source, name, "", "normality", float(result.statistic) if result else None),
            (source, name, "", "normality_p", float(result.pvalue) if result else None),
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


def _varies(values: pd.Series[Any]) -> bool:
    """Return whether known values differ by more than the rounding of their computation."""
    lowest, highest = float(values.min()), float(values.max())
    return highest - lowest > ROUNDING * max(abs(lowest), abs(highest))


def _moments(features: nw.LazyFrame[Any], shifts: Mapping[str, float]) -> dict[str, Any]:
    """Return the number of rows, and the known values and sums of the first three powers of each feature; one query.

    The powers are of the distance from a shift, the median. It is at most one standard deviation from the mean, so
    nothing cancels out, and the sums of a constant feature are exactly 0. Plain sums take half the time of the
    engine's own variance and skewness.
    """
    distances = {name: nw.col(name) - shift for name, shift in shifts.items()}
    aggregates = {"rows": nw.len()}
    for name, distance in distances.items():
        aggregates |= {
            f"known_{name}": nw.col(name).count(),
            f"first_{name}": distance.sum(),
            f"second_{name}": (distance * distance).sum(),
            f"third_{name}": (distance * distance * distance).sum(),
        }
    row = fetch_row(features.select(**aggregates))
    return row | {f"shift_{name}": shift for name, shift in shifts.items()}


def _quantiles(sample: nw.LazyFrame[Any], names: Sequence[str]) -> dict[str, dict[str, float | None]]:
    """Return the quantiles of each feature; only so many features at once are in memory as `columns_at_once` says."""
    found: dict[str, dict[str, float | None]] = {}
    for batch in columns_at_once(names, count_rows(sample)):
        columns = sample.select(*batch).collect("pyarrow").to_native()
        for name in batch:
            values: NDArray[np.float64] = columns[name].drop_null().to_numpy().astype("float64", copy=False)
            shares = list(QUANTILES.values())
            quantiles = np.quantile(values, shares).tolist() if len(values) else [None] * len(shares)
            found[name] = dict(zip(QUANTILES, quantiles, strict=True))
    return found


def _statistics_of(
    moments: Mapping[str, Any], name: str, quantiles: Mapping[str, float | None]
) -> dict[str, float | None]:
    """Return the statistics of one feature."""
    known = moments[f"known_{name}"]
    first, second, third = (float(moments[f"{power}_{name}"] or 0.0) for power in ("first", "second", "third"))
    gap = first / known if known else 0.0  # mean minus shift
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
    """Return the adjusted skewness (G1) of ``known`` values from their biased skewness."""
    adjusted = biased * math.sqrt(known * (known - 1)) / (known - 2)
    return float(f"{adjusted:.{SKEWNESS_DIGITS - 1}e}")
