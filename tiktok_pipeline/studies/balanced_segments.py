"""The segments that we recommend: size, output and response on their own scales, and no profile left out.

Source: our own, over the same 1,000 profiles as the published studies. Counts and rates differ by factors, not by
differences, so all four features are logarithms; the rate is in per cent, because ln(x + 1) of a small fraction is no
logarithm at all. k = 4 by stability and silhouette together.

What to know before acting on it: the silhouette is about 0.35. The segments cut a continuum into usable parts; they are not
islands. They are stable all the same: another sample or another seed gives the same parts.
"""

from tiktok_pipeline.recipes.personas import Persona, PersonaCatalogue
from tiktok_pipeline.recipes.segmentation import Scaling, Segmentation
from tiktok_pipeline.study import Study

_FEATURES = ("log_followers", "log_likes", "log_videos_count", "log_engagement_percent")
_PERSONAS = PersonaCatalogue(
    # Means of logarithms lie close together: a factor of 1.3 is already another kind.
    max_distance=0.12,
    personas=(
        Persona(
            name="Starters",
            description="Fewer than a few hundred followers and a handful of videos; nearly half of the followers respond.",
            strategic_value="Too small to carry a campaign; a view of who is new.",
            recommendation="Leave them to community programmes; look again at the next snapshot.",
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
            description="Some thousand followers and dozens of videos, with an ordinary response of a few per cent.",
            strategic_value="Affordable and authentic in a small circle.",
            recommendation="Use many of them at once for local or product seeding; expect little from each.",
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
            description="Around ten thousand followers from few videos, with a response of a third of the followers.",
            strategic_value="Videos that travel beyond the followers: momentum before price.",
            recommendation="Contact them first and quickly; agree on several posts while the fee is small.",
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
            description="Tens of thousands of followers and more, hundreds of videos, about one per cent response.",
            strategic_value="Dependable reach: a library, a routine, often a link and sometimes a badge.",
            recommendation="Plan awareness with them, at a price by view; negotiate series rather than single posts.",
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

STUDY = Study(
    name="balanced_segments",
    question="Which segments of creators are of a size to work with, stable, and told apart by size, output and response?",
    published_in="our own; see the project's report",
    segmentation=Segmentation(
        features=_FEATURES,
        scaling=Scaling(scaler="standard"),
        k=4,
        personas=_PERSONAS,
    ),
    recommendations=(
        "Take this study when you plan for groups: its smallest segment is a seventh of all creators.",
        "Take the margin when you plan for one creator: the segments are parts of a continuum, not islands.",
    ),
)
