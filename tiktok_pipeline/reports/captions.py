"""How each picture is read: one sentence below it. What it found stands in its title."""

from __future__ import annotations

from tiktok_pipeline.personas.verdict import PATTERN, PATTERN_JACCARD, STABLE, STABLE_JACCARD

CAPTIONS = {
    "profiles_distributions": "How many profiles have how many followers, accounts followed and likes; log axes.",
    "creator_activity_distributions": "How many creators have which scores.",
    "profiles_correlations": "1: both grow together; -1: one falls as the other grows. Spearman compares ranks, so a few giants do not decide it.",
    "creator_activity_correlations": "1: both grow together; -1: one falls as the other grows.",
    "profiles_quantiles": "Dots on the line: normally distributed. Left as measured, right after the transform.",
    "creator_activity_quantiles": "Dots on the line: normally distributed. Scaling changes the unit, not the shape.",
    "engagement": "The box holds the middle half of the profiles, the line in it the median; log axis.",
    "likes_per_video": "One dot a profile; both axes grow by factors.",
    "likes_by_videos": "The median of likes among profiles with about as many videos.",
    "elbow_and_silhouette": "Left: a bend means that more clusters bring little. Right: higher means clusters lie farther apart.",
    "stability_by_k": "How well the worst cluster is found again in other draws, and how small the smallest is, by number of clusters.",
    "seeds": "The same recipe with other seeds. Dots far apart: the result is a matter of luck.",
    "followers_and_engagement": "One dot a profile; both axes grow by factors.",
    "archetypes": "One dot a creator; the marks are the centres of the segments.",
    "biplot": "The two directions in which profiles differ most; an arrow shows where a feature grows.",
    "snake": "How each segment stands to the average, feature by feature; 0 is the average.",
    "relative_importance": "Mean of the segment over the mean of all, minus 1: +100 % is twice the average.",
    "trust": f"How similar the segment is to its best match in other samples. {PATTERN.label.capitalize()} from {PATTERN_JACCARD}, {STABLE.label} from {STABLE_JACCARD}.",
    "silhouettes": "Each bar is a profile: to the right it fits its own segment, to the left it fits another one better.",
    "average_precision": "Average precision of each model; the line is what guessing reaches. Bars that leak look best and mean least.",
    "precision_recall": "To the right more of the positives are found; higher means fewer false alarms among those.",
    "thresholds": "What happens when the score from which a creator counts is moved; the marked one was chosen without the test rows.",
    "calibration": "On the line, a score of 0.7 means 7 of 10.",
    "confusions": "Rows: what the label says. Columns: what the model says.",
    "mutual_information": "How much knowing the feature tells of the label; 0 is nothing. High values may be leaks.",
    "importances": "How much the model relies on a feature; not whether the feature is a cause.",
}
