"""Active creators: accounts whose average video gets a response from more than one in twenty followers.

Source: "Tiktok Influencer Insights: Leveraging User Behavior Data to Identify Active Content Creators", a notebook
with a PyTorch network on the data set "tiktok-profiles-data". Published results: F1 0.93 at threshold 0.5; precision
0.91 and recall 0.96 at the tuned threshold. Inputs: a keyword in the biography, two principal components of likes and
followers, a missing link in the profile, likes per video, the two engagement rates, the badge and the accounts
followed. They are scaled to 0..1. The network has three layers of 64 units with dropout, and stops early.

Before you act on it: the label is comment rate + like rate > 0.05, and both rates are inputs, so a model can compute
the label. The published threshold was tuned on the test rows, dropout stayed on during scoring, and the "best"
weights were the last ones. The label is a response for each follower, so it does not find large audiences.
"""

from tiktok_pipeline.recipes.classification import Classification, FeatureSet, Label, PublishedNetwork
from tiktok_pipeline.study import Study

_COUNTS = ("followers", "following", "likes", "videos_count", "is_verified", "has_bio_link", "has_creator_keyword")
_RATIOS = ("likes_per_video", "likes_per_follower", "videos_per_follower", "lifetime_engagement_rate")

STUDY = Study(
    name="active_creators",
    question="Which creators are active, in the sense that their followers respond?",
    published_in="Tiktok Influencer Insights (a notebook with a PyTorch network over tiktok-profiles-data)",
    classification=Classification(
        label=Label(name="average engagement rate above 5 %", feature="avg_engagement_rate", above=0.05),
        published=PublishedNetwork(
            features=(
                "has_creator_keyword",
                "lacks_bio_link",
                "likes_per_video_padded",
                "comment_engagement_rate",
                "like_engagement_rate",
                "is_verified",
                "following",
            ),
            principal_components=("likes", "followers"),
        ),
        sets=(
            FeatureSet(
                name="with_rates",
                features=(*_COUNTS, "comment_engagement_rate", "like_engagement_rate"),
                models=("logistic_regression",),
                why="includes the rates that define the label, to show what leakage looks like",
                leaks=True,
            ),
            FeatureSet(
                name="without_rates",
                features=_COUNTS,
                models=("logistic_regression", "gradient_boosting", "dummy"),
                why="without the comment and like rates, which define the label",
            ),
            FeatureSet(
                name="published_without_rates",
                features=(
                    "has_creator_keyword",
                    "likes",
                    "followers",
                    "lacks_bio_link",
                    "likes_per_video_padded",
                    "is_verified",
                    "following",
                ),
                models=("neural_network",),
                why="the published inputs without the rates (likes and followers instead of their components)",
            ),
            FeatureSet(
                name="engineered",
                features=(*_COUNTS, *_RATIOS, "biography_length", "account_age_days"),
                models=("random_forest",),
                why="without the rates, with ratios of the counts, biography length and account age",
            ),
            FeatureSet(
                name="without_likes",
                features=(
                    "followers",
                    "following",
                    "videos_count",
                    "is_verified",
                    "has_bio_link",
                    "has_creator_keyword",
                    "videos_per_follower",
                    "biography_length",
                    "account_age_days",
                ),
                models=("random_forest",),
                why="without any feature computed from likes",
            ),
        ),
        scored_by=("without_rates", "logistic_regression"),
        audited=(
            "followers",
            "likes",
            "videos_count",
            "likes_per_video",
            "likes_per_follower",
            "videos_per_follower",
            "lifetime_engagement_rate",
            "account_age_days",
        ),
        what_it_means=(
            "It estimates whether the followers of an account respond to its videos. It says nothing about how many "
            "they are, and nothing about how often the account posts."
        ),
    ),
    recommendations=(
        "Use the score as a sign of response, not of reach.",
        "Prefer precision if each contact costs money, and recall if a missed creator costs more.",
        "Combine the score with the segments of balanced_segments, which show how large an account is.",
        "If you know the engagement rates, use them. The model is for profiles whose videos were not scraped.",
    ),
)
