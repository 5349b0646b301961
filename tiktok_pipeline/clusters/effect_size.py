"""How much of a feature the clusters explain: eta squared of ranks, and the statistics of one fit as rows."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from tiktok_pipeline.clusters.schema import FITS_TABLE


def eta_squared(values: pd.Series[float], clusters: pd.Series[int]) -> float | None:
    """Return the share of the variance of ranks that is between clusters.

    Ranks are used because counts are heavy-tailed.

    Parameters
    ----------
    values : Series of shape (n_rows,)
        A feature; rows without a value do not count.
    clusters : Series of shape (n_rows,)
        The cluster of each row, with the same index.

    Returns
    -------
    float or None
        Eta squared, 0 (nothing) to 1 (everything); None if the values do not vary.

    References
    ----------
    M. Tomczak and E. Tomczak (2014), "The need to report effect size estimates revisited": eta squared for the
    Kruskal-Wallis test.

    Examples
    --------
    >>> eta_squared(pd.Series([1.0, 2.0, 8.0, 9.0]), pd.Series([0, 0, 1, 1]))
    0.8
    """
    known = values.notna()
    ranks, clusters = values[known].rank(), clusters[known]
    total = float(((ranks - ranks.mean()) ** 2).sum())
    if not total:
        return None
    means = ranks.groupby(clusters).transform("mean")
    return float(((means - ranks.mean()) ** 2).sum()) / total


def fit_statistics(
    values: Mapping[str, float | None], *, note: str | None = None, basis: str | None = None
) -> pd.DataFrame:
    """Return named statistics as rows of ``clusters.fits``.

    Parameters
    ----------
    values : mapping of str to float
        The statistics by name.
    note : str, optional
        Why there are no more of them.
    basis : str, optional
        What the compared features measure the response by, if the study has more than one basis.
    """
    rows = [(statistic, value, note, basis) for statistic, value in values.items()]
    frame = pd.DataFrame(rows, columns=FITS_TABLE.frame_names)
    return frame.astype({"value": "float64", "note": "str", "basis": "str"})
