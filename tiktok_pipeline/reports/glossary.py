"""The terms of the report, explained to a marketer."""

from __future__ import annotations

from tiktok_pipeline.personas.verdict import JACCARD_THRESHOLDS, MIN_SEGMENT_PROFILES, STANDARD_ERRORS
from tiktok_pipeline.reports.page_elements import Term

_THRESHOLDS = " and ".join(f"{verdict.label} from {jaccard}" for jaccard, verdict in JACCARD_THRESHOLDS.items())

_GLOSSARY = {
    "Engagement rate": (
        "Likes and comments per video as a share of the followers, averaged over the scraped videos. It can "
        "exceed 100%, because a video may reach far more people than follow the account."
    ),
    "Average and median": (
        "A few very large accounts pull the average up. The median is the creator in the middle: half have "
        "more, half have less."
    ),
    "In the fit": (
        "The creators that the model was fitted on. All others are assigned to the nearest segment afterwards."
    ),
    "k": ("The number of segments. No statistic can prove one right, so each study gives its choice and the reason."),
    "Inertia and elbow": (
        "The inertia measures how far creators are from the center of their segment, all together. It "
        "always falls as segments are added; at the elbow it starts to fall slowly."
    ),
    "Silhouette": (
        "How much closer a creator is to its own segment than to the next one, from \u22121 to 1. Around 0 "
        "the segments touch. High values mean separate islands, or one large segment and a few outliers."
    ),
    "Jaccard": (
        "Take another sample of the same creators, segment it again, and compare the members: shared "
        f"members divided by all members, from 0 to 1. A segment is {_THRESHOLDS}, after "
        f"{STANDARD_ERRORS} standard errors are subtracted from the mean. "
        f"Segments of fewer than {MIN_SEGMENT_PROFILES} measured creators are too small for a verdict. "
        "A verdict speaks of the creators in the fit."
    ),
    "Adjusted Rand index": (
        "How far two segmentations agree, pair by pair of creators: 1 is identical, 0 is chance."
    ),
    "Margin": (
        "How clearly a creator belongs to its segment: 0 is on the border between two segments, 1 is at the "
        "center of its own."
    ),
    "Eta squared of ranks": (
        "How much of the variation of a feature is between the segments rather than within them: 0 is "
        "nothing, 1 is everything."
    ),
    "Target creators": ("The creators that a classifier looks for; the model card of the study gives the rule."),
    "Precision, recall, F1": (
        "Precision is the share of the model's picks that are right. Recall is the share of the target "
        "creators that it finds. F1 combines both."
    ),
    "Average precision": (
        "Precision averaged over shortlists of every length. Guessing reaches the share of target creators, "
        "so compare it with the baseline."
    ),
    "ROC-AUC": ("The chance that a target creator gets a higher score than another creator: 0.5 is guessing."),
    "Leakage": (
        "A feature reveals the label because the label was computed from it. A model that uses it looks "
        "perfect and has learned nothing."
    ),
    "Calibration": (
        "Whether a score can be read as a probability: of a hundred creators with a score of 0.3, about "
        "thirty should be target creators. The Brier score measures the error."
    ),
}


def glossary() -> tuple[Term, ...]:
    """Return the terms in the order of the page."""
    return tuple(Term(term, text) for term, text in _GLOSSARY.items())
