"""Who is an active creator: accounts whose videos are answered by more than a twentieth of the followers.

Source: "Tiktok Influencer Insights: Leveraging User Behavior Data to Identify Active Content Creators", a notebook with a
network in PyTorch over the data set "tiktok-profiles-data". Published: F1 0.93 at 0.5; precision 0.91 and recall 0.96 at
the tuned threshold. Its steps: a keyword in the biography, two principal components of likes and followers, whether the
profile lacks a link, likes per video; inputs scaled to 0..1; three layers of 64 units with dropout, early stopping.

What to know before acting on it: the label is comment rate + like rate > 0.05, and both rates are inputs, so that a model
can recover its own target. The published threshold was tuned on the test rows, dropout stayed on while scoring, and the
"best" weights were the last ones. Without the two rates, logistic regression on logged counts does better than the network.
The label finds small, loud accounts: a median of about a thousand followers against twelve thousand of the others.
"""

from tiktok_pipeline.recipes.classification import Classification, FeatureSet, Label, PublishedNetwork
from tiktok_pipeline.study import Study

_COUNTS = ("followers", "following", "likes", "videos_count", "is_verified", "has_bio_link", "has_creator_keyword")
_RATIOS = ("likes_per_video", "likes_per_follower", "videos_per_follower", "lifetime_engagement_rate")

STUDY = Study(
    name="active_creators",
    question="Which creators are active, in the sense that their followers answer?",
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
                why="with the two rates of which the label is made: what leakage looks like",
                leaks=True,
            ),
            FeatureSet(
                name="leakage_free",
                features=_COUNTS,
                models=("logistic_regression", "gradient_boosting", "dummy"),
                why="without the comment and like rates, of which the label is made",
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
                why="the published inputs without the two rates (likes and followers themselves, not their rotation)",
            ),
            FeatureSet(
                name="engineered",
                features=(*_COUNTS, *_RATIOS, "biography_length", "account_age_days"),
                models=("random_forest",),
                why="leakage-free, with ratios (one of them a quasi-label), biography length and account age",
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
                why="without anything that is made of likes",
            ),
        ),
        scored_by=("leakage_free", "logistic_regression"),
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
            "It finds small, loud accounts: few followers and few videos, with a response that large accounts do not "
            "have. It does not find accounts that post much."
        ),
    ),
    recommendations=(
        "Take the score as a sign of response, not of reach: most of those it finds have few followers.",
        "Ask for precision where each contact costs money, and for recall where a missed creator costs more.",
        "Look at the segments of balanced_segments beside the score: they tell how large the loud accounts are.",
        "Use the rates themselves where they are known; the model is for profiles whose videos were not scraped.",
    ),
)
