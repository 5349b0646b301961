"""Who is a positive: the label of a classification, from one feature and one threshold."""

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
    """Too few rows of one kind to learn or to judge anything; the text says how many there are."""

    code = "not_enough_rows"


def label_threshold(features: nw.LazyFrame[Any], label: Label) -> float | None:
    """The value that parts the two kinds, over all rows of the snapshot; None where no row has the feature.

    A quantile is interpolated linearly, as NumPy does by default.
    """
    if label.above is not None:
        return label.above
    share = 1.0 - (label.top_share or 0.0)
    found = features.select(nw.col(label.feature).quantile(share, interpolation="linear")).collect("pyarrow").item()
    return None if found is None else float(found)


def positives(values: pd.Series[float], label: Label, threshold: float) -> Flags:
    """True for each value above the label's bound, or at or above its quantile."""
    known = values.to_numpy(dtype=np.float64)
    return known > threshold if label.above is not None else known >= threshold


def check_class_counts(flags: Flags, *, at_least: int) -> None:
    """Raise `NotEnoughRowsError` where fewer than ``at_least`` rows are positive, or negative."""
    counts = {"positive": int(flags.sum()), "negative": int((~flags).sum())}
    for kind, count in counts.items():
        if count < at_least:
            msg = f"{count} {kind} of {len(flags)} labelled profiles, at least {at_least} needed"
            raise NotEnoughRowsError(msg)
