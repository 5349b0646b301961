"""The kinds of influencers there are, by engagement, audience and output.

Source: "TikTok Influencer Segmentation", the README of a public notebook over the data set "tiktok-profiles-data"
(1,000 profiles, August 2023). Its recipe: rows outside 1.5 interquartile ranges on three engagement rates, one after the
other, are left out; eight columns are standardised; KMeans with k = 5 and a single start.

What to know before acting on it: "Celebrity Accounts" were two accounts and "Verified Content Creators" sixteen; the
filter leaves out the loudest third of the profiles (they are assigned to the nearest segment, ``in_fit = false``); the
average rate and the like rate are one signal counted twice; with a single start, another seed gives other segments.
"""

from tiktok_pipeline.recipes.personas import Persona, PersonaCatalogue
from tiktok_pipeline.recipes.segmentation import InterquartileRule, Scaling, Segmentation
from tiktok_pipeline.study import Study

_RATES = ("avg_engagement_rate", "comment_engagement_rate", "like_engagement_rate")

_PERSONAS = PersonaCatalogue(
    personas=(
        Persona(
            name="Mid-Tier Mainstream Influencers",
            description="Steady accounts with an audience around a hundred thousand and a modest response to each video.",
            strategic_value="Broad, dependable reach at a middle price: the bulk of most campaigns.",
            recommendation="Book several at once for awareness, and judge them by cost for each view rather than by rate.",
            profiles=428,
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
            description="A handful of the very largest accounts: millions of followers, a long back catalogue, a low rate.",
            strategic_value="Reach that nobody else has, at a price to match; the rate says little at this size.",
            recommendation="Treat each as a single negotiation; do not plan on them as a group, there are too few.",
            profiles=2,
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
            description="Few videos, a middling audience, and one in ten followers reacting to each of them.",
            strategic_value="Attention rather than reach: audiences that answer, comment and try things.",
            recommendation="Use them for launches and conversion goals, with briefs that leave room for their own voice.",
            profiles=170,
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
            description="Smaller accounts that follow thousands of others and publish all the time.",
            strategic_value="Dense networks of mutual follows: word of mouth inside a scene.",
            recommendation="Invite them to challenges, referral codes and community programmes instead of single posts.",
            profiles=67,
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
            description="Accounts with the badge, an audience in the million and a large library of videos.",
            strategic_value="Credibility together with reach: a safe face for a brand.",
            recommendation="Offer longer partnerships with exclusivity, and check the person, not the segment.",
            profiles=16,
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
    question="Which kinds of influencers are there, by engagement, audience and output?",
    published_in="TikTok Influencer Segmentation (public notebook over tiktok-profiles-data)",
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
        "Look at the margin before you act on one creator: a margin near zero lies on the border of two segments.",
    ),
)
