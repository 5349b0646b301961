"""The segments that we recommend: by size, output and response, each on a log scale, with every profile in the fit.

Source: our own analysis of the same 1,000 profiles as the published studies. Counts and rates differ by factors, so
all four features are logarithms. The rate is in percent, because ln(x + 1) of a small fraction is nearly x. On those
profiles, k = 4 is the choice of stability and silhouette together.

Where a delivery has no engagement rates, the response is lifetime engagement: likes per video and follower since the
account was created. On the 1,000 profiles of the source, which have both, the four segments are the same for 913
profiles (adjusted Rand index 0.81).

Before you act on it: the segments divide a continuum into usable parts. Creators near a border could be in either of
two segments; the margin says which. How stable the parts are is measured in each snapshot.
"""

from tiktok_pipeline.recipes.personas import Persona, PersonaCatalog
from tiktok_pipeline.recipes.segmentation import Scaling, Segmentation
from tiktok_pipeline.study import Study

_SIZE_AND_OUTPUT = ("log_followers", "log_likes", "log_videos_count")
_PERSONAS = PersonaCatalog(
    # Means of logarithms are close together: a factor of 1.3 already separates two personas.
    max_distance=0.12,
    personas=(
        Persona(
            name="Starters",
            description="Very small accounts with few videos.",
            strategic_value="Too small to carry a campaign, but they show who is new.",
            recommendation="Leave them to community programs, and check them again in the next snapshot.",
            profiles=183,
            ranked_by="",
            ranges={"followers": (None, 1_000), "videos_count": (None, 30)},
            typical={
                "log_followers": 4.273,
                "log_likes": 5.365,
                "log_videos_count": 1.915,
                "log_engagement_percent": 4.037,
            },
        ),
        Persona(
            name="Everyday Posters",
            description="Small accounts that post again and again, with an ordinary response.",
            strategic_value="Close to an audience that is small.",
            recommendation="Book many of them at once for local or product seeding, and expect little from each.",
            profiles=313,
            ranges={"followers": (300, 10_000), "videos_count": (10, None), "avg_engagement_rate": (None, 0.2)},
            typical={
                "log_followers": 7.252,
                "log_likes": 8.466,
                "log_videos_count": 4.119,
                "log_engagement_percent": 1.541,
            },
        ),
        Persona(
            name="Breakouts",
            description="Accounts whose few videos get a response far beyond what their size would bring.",
            strategic_value="Their videos reach people beyond the followers: more than the size shows.",
            recommendation="Contact them first and quickly, and agree on several posts while the fee is small.",
            profiles=146,
            ranges={"followers": (1_000, 100_000), "videos_count": (None, 150), "avg_engagement_rate": (0.05, None)},
            typical={
                "log_followers": 9.289,
                "log_likes": 12.11,
                "log_videos_count": 3.579,
                "log_engagement_percent": 3.782,
            },
        ),
        Persona(
            name="Established Reach",
            description="Large audiences built with many videos; a small share of the followers responds.",
            strategic_value="Dependable reach: many videos and a large audience.",
            recommendation="Plan awareness campaigns with them, pay by view, and negotiate series, not single posts.",
            profiles=358,
            ranked_by="reach",
            ranges={"followers": (10_000, None), "videos_count": (100, None), "avg_engagement_rate": (None, 0.05)},
            typical={
                "log_followers": 11.036,
                "log_likes": 13.737,
                "log_videos_count": 6.054,
                "log_engagement_percent": 0.965,
            },
        ),
    ),
)

_LIFETIME_PERSONAS = PersonaCatalog(
    max_distance=0.12,
    personas=(
        Persona(
            name="Starters",
            description="Very small accounts with few videos.",
            strategic_value="Too small to carry a campaign, but they show who is new.",
            recommendation="Leave them to community programs, and check them again in the next snapshot.",
            profiles=182,
            ranked_by="",
            ranges={"followers": (None, 1_000), "videos_count": (None, 30)},
            typical={
                "log_followers": 4.271,
                "log_likes": 5.305,
                "log_videos_count": 1.899,
                "log_lifetime_engagement_percent": 4.058,
            },
        ),
        Persona(
            name="Everyday Posters",
            description="Small accounts that post again and again, with few likes per video and follower.",
            strategic_value="Close to an audience that is small.",
            recommendation="Book many of them at once for local or product seeding, and expect little from each.",
            profiles=307,
            ranges={"followers": (300, 10_000), "videos_count": (10, None), "lifetime_engagement_rate": (None, 0.2)},
            typical={
                "log_followers": 7.268,
                "log_likes": 8.427,
                "log_videos_count": 4.281,
                "log_lifetime_engagement_percent": 1.797,
            },
        ),
        Persona(
            name="Breakouts",
            description="Accounts with few videos, which brought more likes than their size would bring.",
            strategic_value="Their videos reached people beyond the followers, recently or long ago.",
            recommendation="Check their newest videos first, then agree on several posts while the fee is small.",
            profiles=149,
            ranges={
                "followers": (1_000, 100_000),
                "videos_count": (None, 150),
                "lifetime_engagement_rate": (0.05, None),
            },
            typical={
                "log_followers": 9.031,
                "log_likes": 11.984,
                "log_videos_count": 3.228,
                "log_lifetime_engagement_percent": 4.428,
            },
        ),
        Persona(
            name="Established Reach",
            description="Large audiences built with many videos; few likes per video and follower.",
            strategic_value="Dependable reach: many videos and a large audience.",
            recommendation="Plan awareness campaigns with them, pay by view, and negotiate series, not single posts.",
            profiles=362,
            ranked_by="reach",
            ranges={
                "followers": (10_000, None),
                "videos_count": (100, None),
                "lifetime_engagement_rate": (None, 0.1),
            },
            typical={
                "log_followers": 11.064,
                "log_likes": 13.755,
                "log_videos_count": 6.045,
                "log_lifetime_engagement_percent": 1.623,
            },
        ),
    ),
)

STUDY = Study(
    name="balanced_segments",
    question="Which segments of creators are large enough, stable, and distinct in size, output and response?",
    published_in="our own analysis; see the project's report",
    segmentation=Segmentation(
        basis="engagement rates",
        features=(*_SIZE_AND_OUTPUT, "log_engagement_percent"),
        scaling=Scaling(scaler="standard"),
        k=4,
        continuity="warm",
        personas=_PERSONAS,
        fallback=Segmentation(
            basis="lifetime engagement",
            basis_note=(
                "likes per video and follower since the account was created, "
                "because fewer than half of the creators have engagement rates"
            ),
            response="lifetime_engagement_rate",
            features=(*_SIZE_AND_OUTPUT, "log_lifetime_engagement_percent"),
            scaling=Scaling(scaler="standard"),
            k=4,
            continuity="warm",
            personas=_LIFETIME_PERSONAS,
        ),
    ),
    recommendations=(
        "Use this study to plan for groups, after a look at the size and the verdict of each segment.",
        "Check the margin to plan for one creator: near a border a creator could be in either segment.",
    ),
)
