"""The accounts at the top, and the groups below them.

Source: "Influencer Identification Using Clustering and Classification", the slides of a student group over the data set
"tiktok-profiles-data". Their recipe: missing numbers become the mean, the three rates are summed to one, standard scaling,
KMeans; the silhouette is given as 0.598. Which features and which k is not said: followers, following, likes, videos_count
and total_engagement with k = 5 and a single start give exactly that silhouette, so this configuration was inferred.
The slides name no personas; the names here are our own. Their classifier is a random forest that finds the top 5 % by
followers from followers, likes, videos and engagement rate: without an error, because the target is a threshold on an input.

What to know before acting on it: with a single start the clustering is a poor local optimum (ten starts have almost a third
less inertia), two of its groups are two and four accounts, and total_engagement is the average rate twice.
"""

from tiktok_pipeline.recipes.classification import Classification, FeatureSet, Label, PublishedForest
from tiktok_pipeline.recipes.personas import Persona, PersonaCatalogue
from tiktok_pipeline.recipes.segmentation import Scaling, Segmentation
from tiktok_pipeline.study import Study

_PERSONAS = PersonaCatalogue(
    personas=(
        Persona(
            name="Everyday Creators",
            description="Four of five accounts: a few thousand followers at the median and no figure that stands out.",
            strategic_value="Micro-influencers for niche markets: authentic contact at low cost.",
            recommendation="Pick by topic and fit, not by this group; seed products with many of them.",
            profiles=815,
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
            description="Accounts with well over a thousand videos and an audience in the hundred thousands.",
            strategic_value="A dependable rhythm: they publish whatever the week brings.",
            recommendation="Negotiate series and fixed slots; learn from which of their formats go far.",
            profiles=92,
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
            description="Small accounts that follow about seven thousand others.",
            strategic_value="Networks of mutual follows; the follower count says less than elsewhere.",
            recommendation="Use referral codes and community formats, and pay for results.",
            profiles=87,
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
            description="A handful of accounts with some million followers and thousands of videos.",
            strategic_value="National reach with a long record.",
            recommendation="Treat each as a negotiation of its own; there is no group to plan for.",
            profiles=4,
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
            description="The one or two largest accounts of a scrape.",
            strategic_value="Reach beyond every other account, priced accordingly.",
            recommendation="Consider them for a single large launch, if at all.",
            profiles=2,
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
    question="Which accounts stand at the top, and which groups stand below them?",
    published_in="Influencer Identification Using Clustering and Classification (slides over tiktok-profiles-data)",
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
                why="as published, with the very feature of which the label is made: what leakage looks like",
                leaks=True,
            ),
            FeatureSet(
                name="leakage_free",
                features=("likes", "videos_count", "avg_engagement_rate"),
                models=("random_forest", "logistic_regression", "gradient_boosting", "dummy"),
                why="the published features without followers, of which the label is made",
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
                why="without followers and likes: all other columns",
            ),
            FeatureSet(
                name="without_rates",
                features=("following", "videos_count", "is_verified", "has_bio_link"),
                models=("logistic_regression",),
                why="also without the engagement rates, whose denominator is followers",
            ),
        ),
        scored_by=("leakage_free", "logistic_regression"),
        audited=(
            "following",
            "comment_engagement_rate",
            "like_engagement_rate",
            "likes_per_video",
            "account_age_days",
        ),
        what_it_means=(
            "It says whether an account has the likes, videos and response of the top 5 % by followers. Followers are "
            "public: count them where you can, and take the score for what it adds, an audience that is earned."
        ),
    ),
    recommendations=(
        "Put the money on profiles with both a large audience and a response to it.",
        "Choose partners by their figures, snapshot after snapshot, rather than by reputation.",
        "Look at what the top accounts publish before you brief the others.",
        "Shift resources to the groups that carry a campaign, and leave the rest to automation.",
        "Make campaigns personal for audiences that respond; a rate is an invitation to talk.",
        "Work with micro-influencers in niche markets: real connections cost less there.",
        "Keep watching: compare each snapshot with the one before and adapt.",
        "Widen the network: every scrape brings creators that were not there before.",
    ),
)
