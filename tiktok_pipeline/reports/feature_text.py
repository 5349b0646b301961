"""Features in words and in their units."""

from __future__ import annotations

from tiktok_pipeline.features.catalog import FEATURES_BY_NAME, feature_label
from tiktok_pipeline.features.feature import FLAG
from tiktok_pipeline.output.number_format import UNDEFINED, format_count, format_number, format_percent


def feature_unit(feature: str) -> str:
    """Return the unit of a feature; "" if the catalog does not have it."""
    return FEATURES_BY_NAME[feature].unit if feature in FEATURES_BY_NAME else ""


def format_feature(value: float | None, feature: str) -> str:
    """Return a value of a feature in its unit: rates as percentages, counts whole, small numbers with decimals."""
    if value is None:
        return UNDEFINED
    if feature_unit(feature) == "fraction":
        return format_percent(value)
    if abs(value) >= 100 or float(value).is_integer():
        return format_count(value)
    return format_number(value, 1 if value >= 10 else 2)


def labeled_value(value: float, feature: str) -> str:
    """Return a value with the label of its feature, for a list of medians.

    Examples
    --------
    >>> labeled_value(83423, "followers"), labeled_value(0.021, "avg_engagement_rate")
    ('83,423 followers', 'engagement rate 2.1%')
    """
    number, label = format_feature(value, feature), feature_label(feature)
    return f"{number} {label}" if feature_unit(feature) == "count" else f"{label} {number}"


def compare_with_all(feature: str, relative: float) -> str:
    """Describe how the median of a segment compares with that of all fitted creators.

    Parameters
    ----------
    feature : str
        A name of the catalog. For a feature that is 0 or 1, the shares are compared.
    relative : float
        The median of the segment over that of all, minus 1.

    Examples
    --------
    >>> compare_with_all("followers", 3.2), compare_with_all("likes", -0.4)
    ('followers 4.2 times the median', 'likes received 40% below the median')
    """
    label, of_all = feature_label(feature), "share of all" if feature_unit(feature) == FLAG else "median"
    if relative <= -1.0:
        return f"no {label}" if feature_unit(feature) == FLAG else f"{label}: none"
    if relative < -0.99:
        return f"{label} under 1% of the {of_all}"
    if relative >= 1.0:
        ratio = 1.0 + relative
        return f"{label} {format_number(ratio, 0 if ratio >= 9.95 else 1)} times the {of_all}"
    if abs(relative) < 0.05:
        return f"{label} about the {of_all}"
    return f"{label} {abs(relative) * 100:.0f}% {'above' if relative > 0 else 'below'} the {of_all}"
