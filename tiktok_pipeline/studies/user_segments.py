"""Types of users, by audience, output and response, with the extremes included.

Source: "User Segmentation Project", the README and notebook of a public repository on the data set as a spreadsheet
saved it. Five columns are scaled by median and interquartile range; KMeans runs with k = 5, the elbow of the
distortion over k = 2..9. (Its README mentions an LSTM, but the notebook has none.)

Before you act on it: the fit includes every row, so the extremes determine the clusters. Two of the five personas are
one account each, and one has 97 % of all profiles. The silhouette of 0.93 means that nearly all rows are one dense
group.
"""

from tiktok_pipeline.recipes.personas import Persona, PersonaCatalog
from tiktok_pipeline.recipes.segmentation import Scaling, Segmentation
from tiktok_pipeline.study import Study

_PERSONAS = PersonaCatalog(
    personas=(
        Persona(
            name="Active and Engaged Users",
            description="Nearly all accounts: every size but the largest, with an ordinary response.",
            strategic_value="Variety and volume: most collaborations come from here.",
            recommendation="Run challenges and small collaborations; segment this group further before you spend.",
            profiles=973,
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
            description="The largest account of a scrape, with thousands of videos.",
            strategic_value="A household name; its reach alone is a campaign.",
            recommendation="Consider an individual brand partnership; there is no group to plan for.",
            profiles=1,
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
            description="An account on its way to the top: ten million followers, and fewer videos than a giant.",
            strategic_value="Growing reach at a price that has not risen yet.",
            recommendation="Offer an early partnership before others do, and review the account, not the segment.",
            profiles=1,
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
            description="Accounts with millions of followers and well over a thousand videos.",
            strategic_value="Proven, professional and experienced with brands: low risk, high reach.",
            recommendation="Agree on ambassadorships of several months instead of single posts.",
            profiles=10,
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
            description="Very small accounts with a handful of videos that reached far beyond their followers.",
            strategic_value="Early signals of the interests of a niche; the rates do not predict the next video.",
            recommendation="Watch them, give them community tools and small briefs, and measure the next video.",
            profiles=15,
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
        "Do not budget by these segments: nearly all creators are in one of them. Use them to find the extremes.",
        "Check the accounts of the small segments by hand; each segment has only a handful of accounts.",
    ),
)
