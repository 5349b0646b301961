"""What is drawn of the features of a source, whichever studies there are."""

from typing import Any

import pandas as pd

from tiktok_pipeline.reports.distributions import (
    draw_correlations,
    draw_distributions,
    draw_engagement,
    draw_likes_by_videos,
    draw_likes_per_video,
    draw_qq,
)

_LOGGED = dict.fromkeys(("followers", "likes", "videos_count", "avg_engagement_rate"), "log1p")
_SCALED = dict.fromkeys(("engagement_index", "monetization_maturity"), "standard")


def feature_figures(sample: pd.DataFrame, correlations: pd.DataFrame, source: str) -> dict[str, Any]:
    """The pictures of a source by name; none where it has no rows."""
    if sample.empty:
        return {}
    transform = _LOGGED if source == "profiles" else _SCALED
    figures = {
        f"{source}_distributions": draw_distributions(sample, source),
        f"{source}_correlations": draw_correlations(correlations),
        f"{source}_quantiles": draw_qq(sample, list(transform), transform),
    }
    if source == "profiles":
        figures |= {
            "engagement": draw_engagement(sample),
            "likes_per_video": draw_likes_per_video(sample),
            "likes_by_videos": draw_likes_by_videos(sample),
        }
    return figures
