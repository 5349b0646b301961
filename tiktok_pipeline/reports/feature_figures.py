"""Which figures the features of each source have, whatever the studies are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd

from tiktok_pipeline.plots.distributions import (
    plot_correlations,
    plot_distributions,
    plot_engagement,
    plot_likes_by_videos,
    plot_likes_per_video,
    plot_qq,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LOGGED = dict.fromkeys(("followers", "likes", "videos_count", "engagement_percent"), "log1p")
_SCALED = dict.fromkeys(("engagement_index", "monetization_maturity"), "standard")


def feature_figures(samples: Mapping[str, tuple[pd.DataFrame, pd.DataFrame]]) -> dict[str, Figure]:
    """Draw the figures of the features.

    Parameters
    ----------
    samples : mapping of str to tuple of DataFrame
        For each source a sample of its features, and their correlations and tests of normality.

    Returns
    -------
    dict of str to Figure
        The figures by name; a source without rows has none.
    """
    figures: dict[str, Figure] = {}
    for source, (sample, statistics) in samples.items():
        if len(sample):
            figures |= _source_figures(source, sample, statistics)
    return figures


def _source_figures(source: str, sample: pd.DataFrame, statistics: pd.DataFrame) -> dict[str, Figure]:
    transform = _LOGGED if source == "profiles" else _SCALED
    if source == "profiles":
        # ln(x + 1) of a small fraction is nearly x, so the rate is logged in percent.
        sample = sample.assign(engagement_percent=sample["avg_engagement_rate"] * 100.0)
    tested = statistics[statistics["statistic"] == "normality_p"].set_index("feature")["value"]
    stored = {name: f"log_{name}" if how == "log1p" else name for name, how in transform.items()}
    normality_p = {name: float(tested[column]) for name, column in stored.items() if column in tested}
    figures = {
        f"{source}_distributions": plot_distributions(sample, source),
        f"{source}_correlations": plot_correlations(statistics),
        f"{source}_quantiles": plot_qq(sample, list(transform), transform, normality_p),
    }
    if source == "profiles":
        figures |= {
            "engagement": plot_engagement(sample),
            "likes_per_video": plot_likes_per_video(sample),
            "likes_by_videos": plot_likes_by_videos(sample),
        }
    return figures
