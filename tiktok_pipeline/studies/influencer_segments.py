"""Types of influencers, by engagement, audience and output.

Source: "TikTok Influencer Segmentation", the README of a public notebook on the data set "tiktok-profiles-data"
(1,000 profiles, August 2023). It drops rows outside 1.5 interquartile ranges on three engagement rates, one after the
other. Eight columns are standardized; KMeans runs with k = 5 and a single start.

Before you act on it: in the source, "Celebrity Accounts" were two accounts and "Verified Content Creators" sixteen.
The filter leaves out the profiles with the strongest response; they are assigned to the nearest segment, with
``in_fit = false``, and no verdict speaks of them. The average rate and the like rate are one signal counted twice.
The fit has a single start, so that another seed can give other segments.
"""

from tiktok_pipeline.recipes.personas import Persona, PersonaCatalog
from tiktok_pipeline.recipes.segmentation import InterquartileRule, Scaling, Segmentation
from tiktok_pipeline.study import Study

_RATES = ("avg_engagement_rate", "comment_engagement_rate", "like_engagement_rate")

_PERSONAS = PersonaCatalog(
    personas=(
        Persona(
            name="Mid-Tier Mainstream Influencers",
            description="Accounts with a medium audience and a modest response to their videos.",
            strategic_value="Broad reach, without an extreme in size.",
            recommendation="Book several at once for awareness, and compare them by cost per view, not by rate.",
            profiles=428,
            ranges={"followers": (5_000, 500_000), "avg_engagement_rate": (None, 0.05)},
            typical={
                "followers": 106_622,
                "avg_engagement_rate": 0.0176,
                "following": 792.0,
                "likes": 2_874_820,
                "videos_count": 422.66,
                "is_verified": 0.0,
            },
        ),
        Persona(
            name="Celebrity Accounts",
            description="Accounts with an exceptionally large audience.",
            strategic_value="Very large reach, at a matching price; the rate means little here.",
            recommendation="Negotiate with each of them separately; do not plan for them as a group.",
            profiles=2,
            ranges={"followers": (2_000_000, None)},
            typical={
                "followers": 12_500_000,
                "avg_engagement_rate": 0.0095,
                "following": 29.5,
                "likes": 605_250_000,
                "videos_count": 1590,
                "is_verified": 0.5,
            },
        ),
        Persona(
            name="Niche Engagement Specialists",
            description="Few videos, and a strong response for each follower.",
            strategic_value="Attention instead of reach: audiences that respond and comment.",
            recommendation="Use them for launches and conversion, with briefs that leave their own style intact.",
            profiles=170,
            ranges={"avg_engagement_rate": (0.03, None), "videos_count": (None, 300)},
            typical={
                "followers": 69_711.4,
                "avg_engagement_rate": 0.1020,
                "following": 776.9,
                "likes": 1_858_375,
                "videos_count": 155.32,
                "is_verified": 0.0,
            },
        ),
        Persona(
            name="Community Builders",
            description="Smaller accounts that follow very many others.",
            strategic_value="Dense networks of mutual follows: word of mouth within a community.",
            recommendation="Offer them challenges, referral codes and community programs instead of single posts.",
            profiles=67,
            ranges={"following": (2_000, None), "followers": (None, 100_000)},
            typical={
                "followers": 22_703.6,
                "avg_engagement_rate": 0.0186,
                "following": 7_482.75,
                "likes": 212_837,
                "videos_count": 580.25,
                "is_verified": 0.0,
            },
        ),
        Persona(
            name="Verified Content Creators",
            description="Verified accounts with a large audience.",
            strategic_value="A badge and reach together.",
            recommendation="Offer longer, exclusive partnerships, and review each person instead of the segment.",
            profiles=16,
            ranges={"is_verified": (0.5, 1), "followers": (100_000, None)},
            typical={
                "followers": 1_452_662,
                "avg_engagement_rate": 0.0313,
                "following": 253.25,
                "likes": 32_207_740,
                "videos_count": 590.25,
                "is_verified": 1.0,
            },
        ),
    )
)

STUDY = Study(
    name="influencer_segments",
    question="Which types of influencers exist, by engagement, audience and output?",
    published_in="TikTok Influencer Segmentation (public notebook on tiktok-profiles-data)",
    segmentation=Segmentation(
        features=(*_RATES, "followers", "following", "likes", "videos_count", "is_verified"),
        outliers=InterquartileRule(columns=_RATES),
        scaling=Scaling(scaler="standard"),
        k=5,
        n_init=1,
        personas=_PERSONAS,
    ),
    recommendations=(
        "Match the segment to the goal: reach for awareness, response for conversion, networks for word of mouth.",
        "Check the margin before you act on one creator: a margin near zero is on the border between segments.",
    ),
)
