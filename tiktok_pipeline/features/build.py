"""Computes the features of the catalog of validated rows, inside the engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import narwhals as nw

from tiktok_pipeline.features.catalog import FEATURES


def build_features(validated: nw.LazyFrame[Any], source: str, keep: Sequence[str] = ()) -> nw.LazyFrame[Any]:
    """Compute the features of each validated row, lazily.

    Parameters
    ----------
    validated : LazyFrame
        Rows of ``validated.<source>``.
    source : str
        The source, a key of `FEATURES`.
    keep : sequence of str
        Columns of ``validated`` that the result has, too.

    Returns
    -------
    LazyFrame
        Rows of ``features.<source>``, one for each validated row.
    """
    return validated.select(
        *keep,
        nw.col("account_id"),
        nw.col("source_file"),
        nw.col("source_row"),
        *(feature.expression.alias(feature.name) for feature in FEATURES[source]),
    )
