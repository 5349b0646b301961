"""Types of users, by audience, output and response, with the extremes included.

Source: "User Segmentation Project", the README and notebook of a public repository on the data set as a spreadsheet
saved it. Five columns are scaled by median and interquartile range; KMeans runs with k = 5, the elbow of the
distortion over k = 2..9. (Its README mentions an LSTM, but the notebook has none.)

Before you act on it: the fit includes every row, so the extremes determine the clusters. On the data of the source,
two of the five personas are one account each, and one has 97 % of all profiles. The high silhouette there means that
nearly all rows are one dense group.
"""

from tiktok_pipeline.recipes.personas import Persona, PersonaCatalog
from tiktok_pipeline.recipes.segmentation import Scaling, Segmentation
from tiktok_pipeline.study import Study

_PERSONAS = PersonaCatalog(
    personas=(
        Persona(
            name="Active and Engaged Users",
            description="Accounts without an extreme in audience, output or response.",
            strategic_value="Variety, but no common trait.",
            recommendation="Run challenges and small collaborations; segment this group further before you spend.",
            profiles=973,
            ranges={"avg_engagement_rate": (0.005, None), "followers": (100, 100_000)},
            typical={
                "followers": 62_459.13,
                "comment_engagement_rate": 0.012377,
                "like_engagement_rate": 0.303972,
                "likes": 1_223_392,
                "videos_count": 262.73,
            },
        ),
        Persona(
            name="Platform Giants",
            description="Accounts with an exceptionally large audience.",
            strategic_value="Household names; the reach of a single account is a campaign.",
            recommendation="Consider individual brand partnerships; do not plan for them as a group.",
            profiles=1,
            ranges={"followers": (5_000_000, None)},
            typical={
                "followers": 14_500_000,
                "comment_engagement_rate": 0.000065,
                "like_engagement_rate": 0.008058,
                "likes": 863_500_000,
                "videos_count": 2333,
            },
        ),
        Persona(
            name="Emerging Influencers",
            description="Accounts with very large audiences.",
            strategic_value="Very large reach, to be checked account by account.",
            recommendation="Offer a partnership, and review the account, not the segment.",
            profiles=1,
            ranges={"followers": (1_000_000, None)},
            typical={
                "followers": 10_500_000,
                "comment_engagement_rate": 0.000047,
                "like_engagement_rate": 0.010866,
                "likes": 347_000_000,
                "videos_count": 847,
            },
        ),
        Persona(
            name="Established Content Creators",
            description="Accounts with a very large audience and many videos.",
            strategic_value="High reach, with a long record of videos to look at.",
            recommendation="Agree on ambassadorships of several months instead of single posts.",
            profiles=10,
            ranges={"followers": (500_000, 10_000_000), "videos_count": (100, None)},
            typical={
                "followers": 2_730_000,
                "comment_engagement_rate": 0.000311,
                "like_engagement_rate": 0.043198,
                "likes": 97_000_000,
                "videos_count": 1306.7,
            },
        ),
        Persona(
            name="Highly Engaged Niche Creators",
            description="Small accounts with few videos that reached far beyond their followers.",
            strategic_value="Early signals of the interests of a niche; the rates do not predict the next video.",
            recommendation="Watch them, give them community tools and small briefs, and measure the next video.",
            profiles=15,
            ranges={"followers": (None, 10_000), "videos_count": (None, 50), "like_engagement_rate": (0.5, None)},
            typical={
                "followers": 943.2,
                "comment_engagement_rate": 0.968161,
                "like_engagement_rate": 16.009867,
                "likes": 61_686.47,
                "videos_count": 4.133,
            },
        ),
    )
)

STUDY = Study(
    name="user_segments",
    question="Which types of users exist, by audience, output and response, with the extremes included?",
    published_in="User Segmentation Project (public repository on the data set as a spreadsheet saved it)",
    segmentation=Segmentation(
        features=("followers", "comment_engagement_rate", "like_engagement_rate", "likes", "videos_count"),
        scaling=Scaling(scaler="robust"),
        k=5,
        random_state=0,
        sweep_random_state=0,
        elbow_range=(2, 9),
        personas=_PERSONAS,
    ),
    recommendations=(
        "Use these segments to find the extremes; do not budget by a segment before you have seen its size.",
        "Check the accounts of the small segments by hand.",
    ),
)
