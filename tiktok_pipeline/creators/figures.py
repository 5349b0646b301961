"""The figures in which a creator is compared with its peers. Pages read them too, so nothing heavy is imported."""

from __future__ import annotations

from collections.abc import Mapping

FIGURES: Mapping[str, str] = {
    "avg_engagement_rate": "likes and comments per video and follower (fraction)",
    "likes_per_video": "likes per video",
    "comment_share": "comments / likes and comments (fraction)",
    "videos_count": "videos published",
    "growth_30_days": "growth of followers in 30 days (fraction)",
}
"""The figures in which a creator is compared with its peers."""

FEW_VIDEOS = 5
"""A rate over at most so many videos is said to be uncertain. One mean for each creator gives no error bar."""

SMALLEST_GAIN = 100
"""Followers: who gained fewer is not among the fastest growing, whatever the rate."""
