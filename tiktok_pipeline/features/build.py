"""Computes the catalogued features of validated rows, inside the engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import narwhals as nw

from tiktok_pipeline.features.catalogue import FEATURES


def build_features(validated: nw.LazyFrame[Any], source: str, keep: Sequence[str] = ()) -> nw.LazyFrame[Any]:
    """Rows of ``features.<source>`` for rows of ``validated.<source>``, one for one, with the columns of ``keep``."""
    return validated.select(
        *keep,
        nw.col("account_id"),
        nw.col("source_file"),
        nw.col("source_row"),
        *(feature.expression.alias(feature.name) for feature in FEATURES[source]),
    )
