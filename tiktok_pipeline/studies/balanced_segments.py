"""The segments that we recommend: by size, output and response, each on a log scale, with every profile in the fit.

Source: our own analysis of the same 1,000 profiles as the published studies. Counts and rates differ by factors, so
all four features are logarithms. The rate is in percent, because ln(x + 1) of a small fraction is nearly x. k = 4 is
the choice of stability and silhouette together.

Where a delivery has no engagement rates, the response is lifetime engagement: likes per video and follower since the
account was created. On the 1,000 profiles, which have both, the four segments are the same for 913 profiles (adjusted
Rand index 0.81).

Before you act on it: the segments divide a continuum into usable parts; they are not separate islands. On those 1,000
profiles, the silhouette is about 0.35, and another sample or another seed gives the same parts.
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
            description="A few hundred followers at most, a handful of videos; nearly half of the followers respond.",
            strategic_value="Too small to carry a campaign, but they show who is new.",
            recommendation="Leave them to community programs, and check them again in the next snapshot.",
            profiles=183,
            typical={
                "log_followers": 4.273,
                "log_likes": 5.365,
                "log_videos_count": 1.915,
                "log_engagement_percent": 4.037,
            },
        ),
        Persona(
            name="Everyday Posters",
            description="A few thousand followers and dozens of videos, with an ordinary response of a few percent.",
            strategic_value="Affordable and authentic, with a small audience.",
            recommendation="Book many of them at once for local or product seeding, and expect little from each.",
            profiles=313,
            typical={
                "log_followers": 7.252,
                "log_likes": 8.466,
                "log_videos_count": 4.119,
                "log_engagement_percent": 1.541,
            },
        ),
        Persona(
            name="Breakouts",
            description="About ten thousand followers with few videos, and a response of a third of the followers.",
            strategic_value="Their videos reach people beyond the followers, and their prices have not risen yet.",
            recommendation="Contact them first and quickly, and agree on several posts while the fee is small.",
            profiles=146,
            typical={
                "log_followers": 9.289,
                "log_likes": 12.11,
                "log_videos_count": 3.579,
                "log_engagement_percent": 3.782,
            },
        ),
        Persona(
            name="Established Reach",
            description="Tens of thousands of followers or more, hundreds of videos, about one percent respond.",
            strategic_value="Dependable reach: many videos, regular posts, often a link and sometimes a badge.",
            recommendation="Plan awareness campaigns with them, pay by view, and negotiate series, not single posts.",
            profiles=358,
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
            description="A few hundred followers at most, few videos; likes per video: nearly half of that.",
            strategic_value="Too small to carry a campaign, but they show who is new.",
            recommendation="Leave them to community programs, and check them again in the next snapshot.",
            profiles=182,
            typical={
                "log_followers": 4.271,
                "log_likes": 5.305,
                "log_videos_count": 1.899,
                "log_lifetime_engagement_percent": 4.058,
            },
        ),
        Persona(
            name="Everyday Posters",
            description="A few thousand followers, dozens of videos; likes per video: about 5 % of that.",
            strategic_value="Affordable and authentic, with a small audience.",
            recommendation="Book many of them at once for local or product seeding, and expect little from each.",
            profiles=307,
            typical={
                "log_followers": 7.268,
                "log_likes": 8.427,
                "log_videos_count": 4.281,
                "log_lifetime_engagement_percent": 1.797,
            },
        ),
        Persona(
            name="Breakouts",
            description="About ten thousand followers, few videos; likes per video: two thirds of that.",
            strategic_value="Their videos reached people beyond the followers, recently or long ago.",
            recommendation="Check their newest videos first, then agree on several posts while the fee is small.",
            profiles=149,
            typical={
                "log_followers": 9.031,
                "log_likes": 11.984,
                "log_videos_count": 3.228,
                "log_lifetime_engagement_percent": 4.428,
            },
        ),
        Persona(
            name="Established Reach",
            description="Tens of thousands of followers, hundreds of videos; likes per video: 4 % of that.",
            strategic_value="Dependable reach: many videos, regular posts, often a link and sometimes a badge.",
            recommendation="Plan awareness campaigns with them, pay by view, and negotiate series, not single posts.",
            profiles=362,
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
        "Use this study to plan for groups: it is made so that each segment is large enough to work with.",
        "Check the margin to plan for one creator: the segments are parts of a continuum, not islands.",
    ),
)
