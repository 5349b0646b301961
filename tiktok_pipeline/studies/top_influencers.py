"""The accounts at the top, and the segments below them.

Source: "Influencer Identification Using Clustering and Classification", the slides of a student group on the data set
"tiktok-profiles-data". They fill missing numbers with the mean, sum the three rates, standardize, and run KMeans; the
published silhouette is 0.598. The slides do not give the features and k. Followers, following, likes, videos_count
and total_engagement with k = 5 and a single start give exactly that silhouette, so this configuration was inferred.
The slides have no personas; the names here are our own. Their classifier is a random forest that finds the top 5 % by
followers from followers, likes, videos and engagement rate. On its data it makes no error, because the label is a
threshold on an input.

Before you act on it: the fit has a single start, which can end in a poor optimum; on the data of the source, ten
starts have almost a third less inertia, and two of the segments have two and four accounts. total_engagement counts
the response twice: the average rate is the sum of the other two.
"""

from tiktok_pipeline.recipes.classification import Classification, FeatureSet, Label, PublishedForest
from tiktok_pipeline.recipes.personas import Persona, PersonaCatalog
from tiktok_pipeline.recipes.segmentation import Scaling, Segmentation
from tiktok_pipeline.study import Study

_PERSONAS = PersonaCatalog(
    personas=(
        Persona(
            name="Everyday Creators",
            description="Small accounts, without anything that stands out.",
            strategic_value="Micro-influencers for niche markets: authentic contact at low cost.",
            recommendation="Select them by topic and fit, not by this segment, and seed products with many of them.",
            profiles=815,
            ranges={"followers": (None, 10_000), "following": (None, 3_000)},
            typical={
                "followers": 52_591.29,
                "following": 563.36,
                "likes": 1_015_269,
                "videos_count": 135.75,
                "total_engagement": 1.357626,
            },
        ),
        Persona(
            name="Prolific Publishers",
            description="Accounts with very many videos and a large audience.",
            strategic_value="A long record of videos to learn from.",
            recommendation="Negotiate series and fixed slots, and learn which of their formats reach people.",
            profiles=92,
            ranges={"videos_count": (400, None), "followers": (10_000, None)},
            typical={
                "followers": 271_501.8,
                "following": 823.41,
                "likes": 8_469_523,
                "videos_count": 1256.64,
                "total_engagement": 0.045886,
            },
        ),
        Persona(
            name="Wide Networkers",
            description="Accounts of small or medium size that follow very many others.",
            strategic_value="Networks of mutual follows, in which a follower means less than elsewhere.",
            recommendation="Use referral codes and community formats, and pay for results.",
            profiles=87,
            ranges={"following": (2_000, None), "followers": (None, 100_000)},
            typical={
                "followers": 54_561.15,
                "following": 6_901.06,
                "likes": 476_381.7,
                "videos_count": 385.45,
                "total_engagement": 0.172892,
            },
        ),
        Persona(
            name="Major Accounts",
            description="Accounts with a very large audience.",
            strategic_value="National reach with a long track record.",
            recommendation="Negotiate with each of them separately; do not plan for them as a group.",
            profiles=4,
            ranges={"followers": (1_000_000, None)},
            typical={
                "followers": 3_875_000,
                "following": 365.75,
                "likes": 128_300_000,
                "videos_count": 2244.5,
                "total_engagement": 0.024518,
            },
        ),
        Persona(
            name="Megastars",
            description="Accounts with an exceptionally large audience.",
            strategic_value="Very large reach, at a matching price.",
            recommendation="Consider them for a single large launch, if at all.",
            profiles=2,
            ranges={"followers": (5_000_000, None)},
            typical={
                "followers": 12_500_000,
                "following": 29.5,
                "likes": 605_250_000,
                "videos_count": 1590,
                "total_engagement": 0.019035,
            },
        ),
    )
)

STUDY = Study(
    name="top_influencers",
    question="Which accounts are at the top, and which segments are below them?",
    published_in="Influencer Identification Using Clustering and Classification (slides on tiktok-profiles-data)",
    segmentation=Segmentation(
        features=("followers", "following", "likes", "videos_count", "total_engagement"),
        scaling=Scaling(scaler="standard", missing="mean"),
        k=5,
        n_init=1,
        personas=_PERSONAS,
    ),
    classification=Classification(
        label=Label(name="among the 5 % with the most followers", feature="followers", top_share=0.05),
        published=PublishedForest(features=("followers", "likes", "videos_count", "avg_engagement_rate")),
        sets=(
            FeatureSet(
                name="with_followers",
                features=("followers", "likes", "videos_count", "avg_engagement_rate"),
                models=("random_forest",),
                why="holds the feature that defines the label, as published, to show what leakage looks like",
                leaks=True,
            ),
            FeatureSet(
                name="without_followers",
                features=("likes", "videos_count", "avg_engagement_rate"),
                models=("random_forest", "logistic_regression", "gradient_boosting", "dummy"),
                why="the published features without followers, which define the label",
            ),
            FeatureSet(
                name="without_likes",
                features=(
                    "following",
                    "videos_count",
                    "avg_engagement_rate",
                    "comment_engagement_rate",
                    "like_engagement_rate",
                    "is_verified",
                    "has_bio_link",
                ),
                models=("random_forest", "logistic_regression"),
                why="all other columns, without followers and likes",
            ),
            FeatureSet(
                name="without_rates",
                features=("following", "videos_count", "is_verified", "has_bio_link"),
                models=("logistic_regression",),
                why="also without the engagement rates, which are divided by followers",
            ),
        ),
        scored_by=("without_followers", "logistic_regression"),
        audited=(
            "following",
            "comment_engagement_rate",
            "like_engagement_rate",
            "likes_per_video",
            "account_age_days",
        ),
        what_it_means=(
            "It shows whether an account has the likes, videos and response of the accounts at the top by followers. "
            "Followers are public, so count them if you can."
        ),
    ),
    recommendations=(
        "Spend on profiles with both a large audience and a strong response.",
        "Choose partners by their numbers in every snapshot, not by reputation.",
        "Study what the top accounts publish before you brief the others.",
        "Move resources to the segments that carry a campaign, and automate the rest.",
        "Personalize campaigns for audiences that respond.",
        "Work with micro-influencers in niche markets, where close contact costs less.",
        "Compare each snapshot with the one before, and adapt.",
        "Extend the network: look at the creators who are new in a snapshot.",
    ),
)
