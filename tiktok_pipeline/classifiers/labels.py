"""The label of a classification: which profiles are positive, by one feature and one threshold."""

from __future__ import annotations

from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.recipes.classification import Label

Flags = NDArray[np.bool_]


class NotEnoughRowsError(PipelineError):
    """Too few rows of one class to fit or evaluate a model; the text says how many there are."""

    code = "not_enough_rows"


def label_threshold(features: nw.LazyFrame[Any], label: Label) -> float | None:
    """Return the value that separates the two classes, over all rows of the snapshot.

    Parameters
    ----------
    features : LazyFrame
        Rows of ``features.<source>``.
    label : Label
        The rule: a fixed bound, or a share from the top, whose quantile is interpolated linearly.

    Returns
    -------
    float or None
        In the unit of the feature; None if no row has the feature.
    """
    if label.above is not None:
        return label.above
    share = 1.0 - (label.top_share or 0.0)
    quantile = features.select(nw.col(label.feature).quantile(share, interpolation="linear"))
    threshold = quantile.collect("pyarrow").item()
    return None if threshold is None else float(threshold)


def positives(values: pd.Series[float], label: Label, threshold: float) -> Flags:
    """Return True for each value above the label's fixed bound, or at or above its quantile."""
    known = values.to_numpy(dtype=np.float64)
    return known > threshold if label.above is not None else known >= threshold


def check_class_counts(flags: Flags, *, at_least: int) -> None:
    """Raise `NotEnoughRowsError` if fewer than ``at_least`` rows are positive or negative."""
    counts = {"positive": int(flags.sum()), "negative": int((~flags).sum())}
    for class_name, count in counts.items():
        if count < at_least:
            msg = f"{count} {class_name} of {len(flags)} labeled profiles, at least {at_least} needed"
            raise NotEnoughRowsError(msg)
