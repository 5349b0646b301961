"""Computes the catalogued features of validated rows, inside the engine."""

from __future__ import annotations

from typing import Any

import narwhals as nw

from tiktok_pipeline.features.catalogue import FEATURES


def build_features(validated: nw.LazyFrame[Any], source: str) -> nw.LazyFrame[Any]:
    """Rows of ``features.<source>`` (without ``snapshot``) for rows of ``validated.<source>``, one for one."""
    return validated.select(
        nw.col("account_id"),
        nw.col("source_file"),
        nw.col("source_row"),
        *(feature.expression.alias(feature.name) for feature in FEATURES[source]),
    )
