"""Describes the features of a snapshot: one pass of aggregates in the engine, and correlations on a bounded sample.

Skewness is pandas' (adjusted Fisher-Pearson, G1 of Joanes and Gill 1998); std has n - 1 in the denominator.
"""

from __future__ import annotations

import math
from itertools import combinations
from typing import Any

import narwhals as nw
import pandas as pd

from tiktok_pipeline.features.catalogue import feature_names
from tiktok_pipeline.features.schema import STATISTICS_TABLE

QUANTILES = {"q05": 0.05, "q25": 0.25, "median": 0.5, "q75": 0.75, "q95": 0.95}


def describe(features: nw.LazyFrame[Any], source: str) -> pd.DataFrame:
    """Rows of ``features.statistics`` for each feature of a source; no rows where there are no features."""
    names = feature_names(source)
    aggregates = [expression.alias(key) for name in names for key, expression in _aggregates(name).items()]
    values = features.select(nw.len().alias("rows"), *aggregates).collect("pyarrow").to_native().to_pylist()[0]
    if not values["rows"]:
        return pd.DataFrame(columns=STATISTICS_TABLE.frame_names)
    rows = [(source, name, "", statistic, value) for name in names for statistic, value in _one(name, values).items()]
    return pd.DataFrame(rows, columns=STATISTICS_TABLE.frame_names)


def correlate(sample: pd.DataFrame, source: str) -> pd.DataFrame:
    """Rows of ``features.statistics`` for each pair: Pearson, and Spearman (of ranks, so no matter how heavy the tail).

    ``sample`` has the numeric features of at most some tens of thousands of rows; NULL where a column is constant.
    """
    names = [name for name in feature_names(source) if name in sample.columns]
    if sample.empty:
        return pd.DataFrame(columns=STATISTICS_TABLE.frame_names)
    ranks = sample[names].rank()
    rows = []
    for statistic, values in (("pearson", sample[names]), ("spearman", ranks)):
        varying = values[[name for name in names if values[name].min() < values[name].max()]]
        matrix = varying.corr().reindex(index=names, columns=names)
        rows += [(source, a, b, statistic, float(matrix[b][a])) for a, b in combinations(names, 2)]
    return pd.DataFrame(rows, columns=STATISTICS_TABLE.frame_names)


def _aggregates(name: str) -> dict[str, nw.Expr]:
    value = nw.col(name)
    return {
        f"{name}|known": value.count(),
        f"{name}|mean": value.mean(),
        f"{name}|std": value.std(ddof=1),
        f"{name}|skew": value.skew(),
        **{f"{name}|{key}": value.quantile(share, interpolation="linear") for key, share in QUANTILES.items()},
    }


def _one(name: str, values: dict[str, Any]) -> dict[str, float | None]:
    known = values[f"{name}|known"]
    biased = values[f"{name}|skew"]
    defined = biased is not None and known > 2 and math.isfinite(biased)
    return {
        "rows": known,
        "missing": values["rows"] - known,
        "mean": values[f"{name}|mean"],
        "std": values[f"{name}|std"],
        **{key: values[f"{name}|{key}"] for key in QUANTILES},
        "skewness": biased * math.sqrt(known * (known - 1)) / (known - 2) if defined else None,
    }
