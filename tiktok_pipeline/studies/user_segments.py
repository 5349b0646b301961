"""The kinds of users by audience, output and response, with the extremes left in.

Source: "User Segmentation Project", the README and notebook of a public repository over the spreadsheet-saved data set. Its
recipe: five columns scaled by median and interquartile range, the elbow of the distortion over k = 2..9, KMeans with k = 5.
(Its README speaks of an LSTM; there is none in it.)

What to know before acting on it: nothing is left out, so the extremes take the clusters. Two of the five personas are one
account each and one holds 97 % of all profiles; the silhouette of 0.93 says that nearly all rows are one heap.
"""

from tiktok_pipeline.recipes.personas import Persona, PersonaCatalogue
from tiktok_pipeline.recipes.segmentation import Scaling, Segmentation
from tiktok_pipeline.study import Study

_PERSONAS = PersonaCatalogue(
    personas=(
        Persona(
            name="Active and Engaged Users",
            description="Nearly everybody: accounts of every size below the very large, with an ordinary response.",
            strategic_value="The field itself: variety and volume, where most collaborations are found.",
            recommendation="Run challenges and small collaborations, and segment this group further before you spend on it.",
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
            description="The single largest account of a scrape, with a back catalogue of thousands of videos.",
            strategic_value="A household name; its reach is a campaign of its own.",
            recommendation="Consider a brand partnership on its own terms; there is no group here to plan for.",
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
            description="An account on the way to the very top: ten million followers, fewer videos than a giant.",
            strategic_value="Tomorrow's reach at a price that has not followed yet.",
            recommendation="Offer an early partnership programme before others do; look at the account, not the label.",
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
            description="Accounts with millions of followers and a library of well over a thousand videos.",
            strategic_value="Proven, professional and used to brands: low risk, high reach.",
            recommendation="Agree on ambassadorships over several months instead of single posts.",
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
            description="Very small accounts with a handful of videos that went far beyond their own followers.",
            strategic_value="Early signals of what a niche cares about; the rates say little about a next video.",
            recommendation="Watch them, give them community tools and small briefs, and measure the second video.",
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
    question="Which kinds of users are there, by audience, output and response, with the extremes left in?",
    published_in="User Segmentation Project (public repository over the spreadsheet-saved data set)",
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
        "Check the accounts of the small segments by hand; each of them is a handful of people.",
    ),
)
