"""What is drawn of the features of a source, whichever studies there are."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from tiktok_pipeline.plots.distributions import (
    plot_correlations,
    plot_distributions,
    plot_engagement,
    plot_likes_by_videos,
    plot_likes_per_video,
    plot_qq,
)

_LOGGED = dict.fromkeys(("followers", "likes", "videos_count", "engagement_percent"), "log1p")
_SCALED = dict.fromkeys(("engagement_index", "monetization_maturity"), "standard")


def feature_figures(samples: Mapping[str, tuple[pd.DataFrame, pd.DataFrame]]) -> dict[str, Any]:
    """The pictures by name; ``samples`` has for each source a sample of its features and their correlations."""
    figures: dict[str, Any] = {}
    for source, (sample, correlations) in samples.items():
        if len(sample):
            figures |= _of_source(source, sample, correlations)
    return figures


def _of_source(source: str, sample: pd.DataFrame, correlations: pd.DataFrame) -> dict[str, Any]:
    transform = _LOGGED if source == "profiles" else _SCALED
    if source == "profiles":
        # The logarithm of a raw fraction is none: ln(x + 1) of it is nearly x.
        sample = sample.assign(engagement_percent=sample["avg_engagement_rate"] * 100.0)
    figures = {
        f"{source}_distributions": plot_distributions(sample, source),
        f"{source}_correlations": plot_correlations(correlations),
        f"{source}_quantiles": plot_qq(sample, list(transform), transform),
    }
    if source == "profiles":
        figures |= {
            "engagement": plot_engagement(sample),
            "likes_per_video": plot_likes_per_video(sample),
            "likes_by_videos": plot_likes_by_videos(sample),
        }
    return figures
