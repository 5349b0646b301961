"""How to read each figure: one caption by the name of the figure. Its finding is in its title."""

from __future__ import annotations

from tiktok_pipeline.personas.verdict import PATTERN, PATTERN_JACCARD, STABLE, STABLE_JACCARD, STANDARD_ERRORS

CAPTIONS = {
    # Distributions of the features.
    "profiles_distributions": (
        "How many profiles have how many followers, accounts followed and likes. The horizontal axes are logarithmic."
    ),
    "creator_activity_distributions": "How many creators have each score.",
    "profiles_correlations": (
        "1 means that both features rise together, \u22121 that one falls as the other rises. "
        "Spearman compares ranks, so a few very large accounts do not dominate it."
    ),
    "creator_activity_correlations": (
        "1 means that both scores rise together, \u22121 that one falls as the other rises."
    ),
    "profiles_quantiles": (
        "Points on the dashed line mean a normal distribution. Left: as measured. Right: after the transform."
    ),
    "creator_activity_quantiles": (
        "Points on the dashed line mean a normal distribution. Scaling changes the unit, not the shape."
    ),
    "engagement": (
        "Each box holds the middle half of the profiles, and its line is the median. The axis is logarithmic."
    ),
    "likes_per_video": "One point per profile. Both axes are logarithmic.",
    "likes_by_videos": "The median number of likes of profiles with a similar number of videos.",
    # Segments.
    "elbow_and_silhouette": (
        "Left: after the bend, more clusters add little. Right: higher values mean better separated clusters."
    ),
    "stability_by_k": (
        "For each number of segments, with the same number of samples and starts: how reliably other samples give "
        "the least stable one, and the size of the smallest. The verdicts rest on samples of their "
        "own, fitted as the study was."
    ),
    "seeds": (
        "Left: the same recipe with other random seeds. Right: how well one start with each seed agrees with the "
        "segments of the study. If the points are far apart, the segments depend on chance."
    ),
    "followers_and_engagement": "One point per profile. Both axes are logarithmic.",
    "archetypes": "One point per creator. The large markers are the centers of the segments.",
    "biplot": (
        "The two directions in which profiles differ most. Each arrow points to where its feature has higher values."
    ),
    "snake": "How far the median of each segment is from that of all creators, feature by feature; 0 is equal.",
    "relative_importance": (
        "The median of the segment divided by the median of all creators, minus 1: +100% is twice the median. "
        "For yes and no, the shares are compared."
    ),
    "trust": (
        "How similar each segment is to its best match in other samples. The line on each bar is "
        f"{STANDARD_ERRORS} standard errors long to each side, and its left end decides: "
        f"{PATTERN.label} from {PATTERN_JACCARD}, {STABLE.label} from {STABLE_JACCARD}."
    ),
    "migration": (
        "Left: the segments of the snapshot before. Right: those of this one. Gray creators stayed. Colored: the "
        "creator moved. Hatched: the creator did not, but the model drew the segment anew."
    ),
    "silhouettes": (
        "One bar per profile. Bars to the right fit their own segment; bars to the left are closer to another one."
    ),
    # Classifiers.
    "average_precision": (
        "The average precision of each model. The dashed line is what guessing reaches. "
        "What a model reaches with features that reveal the label means nothing."
    ),
    "precision_recall": (
        "Further right, the model finds more of the target creators. Higher up, it raises fewer false alarms."
    ),
    "thresholds": (
        "What happens when the score that counts as a match is raised. "
        "The threshold of an honest model was chosen without the rows that these lines are drawn from; the published "
        "one was chosen on them."
    ),
    "calibration": (
        "On the diagonal, 7 of 10 creators with a score of 0.7 are target creators. Each point has a tenth of the "
        "sum of all scores, so that the many scores near zero are not all that counts."
    ),
    "confusions": "Rows: what the label says. Columns: what the model predicts.",
    "mutual_information": (
        "How much a feature alone reveals about the label; 0 is nothing. High values can be leaks."
    ),
    "importances": "How much each model relies on a feature. A feature it relies on is not necessarily a cause.",
}
