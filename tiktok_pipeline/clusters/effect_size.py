"""How much of a feature the clusters explain: eta squared of ranks, and the figures of one fit as rows."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from tiktok_pipeline.clusters.schema import FITS_TABLE


def eta_squared(values: pd.Series[float], clusters: pd.Series[int]) -> float | None:
    """Share of the variance of ranks that lies between clusters, 0 to 1; None where a side does not vary.

    Ranks, because the counts are heavy-tailed (Tomczak and Tomczak 2014, eta squared for Kruskal and Wallis' test).
    """
    known = values.notna()
    ranks, clusters = values[known].rank(), clusters[known]
    total = float(((ranks - ranks.mean()) ** 2).sum())
    if not total:
        return None
    means = ranks.groupby(clusters).transform("mean")
    return float(((means - ranks.mean()) ** 2).sum()) / total


def fit_statistics(values: Mapping[str, float | None], *, note: str | None = None) -> pd.DataFrame:
    """Named figures as rows of ``clusters.fits``; ``note`` says why there are no more."""
    rows = [(statistic, value, note) for statistic, value in values.items()]
    frame = pd.DataFrame(rows, columns=FITS_TABLE.frame_names)
    return frame.astype({"value": "float64", "note": "str"})
