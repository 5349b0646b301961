"""Figures of the profiles of a snapshot: the distributions of their features, and which are correlated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tiktok_pipeline.output.number_format import MINUS, format_count, format_number, format_short
from tiktok_pipeline.plots.style import (
    COLORS,
    FAINT,
    INK,
    SMALL,
    axis_label,
    capitalized,
    diverging_cmap,
    empty_figure,
    heat_map,
    legend,
    linear_axis,
    log_axis,
    new_figure,
    set_title,
    short_label,
    style_axes,
    thin_points,
    to_float_array,
    wrap,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_RATES = ("avg_engagement_rate", "like_engagement_rate", "comment_engagement_rate")
_FIRST = ("followers", "following", "likes", "videos_count", *_RATES, "is_verified", "has_bio_link")
_MAX_CORRELATED = 14
_MAX_WITH_NUMBERS = 10
_MAX_QQ = 5
_QQ_POINTS = 60
NORMAL_ENOUGH = 0.5
"""Absolute skewness up to which a distribution counts as symmetric (Bulmer 1979)."""
REJECTED = 0.05
"""P-value of the stored test of normality below which a feature is not normal."""
STRAIGHT_ENOUGH = 0.98
"""Correlation with the normal quantiles from which they are on a line (Filliben 1975)."""


def plot_distributions(sample: pd.DataFrame, source: str) -> Figure:
    """Plot histograms of the main features of a source.

    Parameters
    ----------
    sample : DataFrame
        Source "profiles": the counts ``followers``, ``following`` and ``likes``, drawn on logarithmic axes with the
        zeros counted in the heading. Source "creator_activity": ``engagement_index`` and ``monetization_maturity``.
    source : {"profiles", "creator_activity"}
        The source.
    """
    logged = source == "profiles"
    features = ("followers", "following", "likes") if logged else ("engagement_index", "monetization_maturity")
    columns = {feature: to_float_array(sample, feature) for feature in features}
    if all(np.isnan(values).all() for values in columns.values()):
        return empty_figure(f"no profile has {', '.join(axis_label(feature) for feature in features)}.")
    figure = new_figure(height=2.9)
    for axes, (feature, values) in zip(figure.subplots(1, len(features)), columns.items(), strict=True):
        _histogram(axes, values, feature, logged=logged)
    figure.axes[0].set_ylabel("profiles", fontsize=9)
    first = features[0]
    known = columns[first][~np.isnan(columns[first])]
    if logged and len(known):
        typical, large = np.median(known), np.quantile(known, 0.99)
        title = (
            f"Half of the profiles have at most {format_short(typical)} followers, "
            f"1 in 100 more than {format_short(large)}"
        )
    else:
        parts = [f"{short_label(feature)} {format_short(_median(values))}" for feature, values in columns.items()]
        title = f"Medians in points: {', '.join(parts)}"
    return set_title(figure, title)


def plot_engagement(sample: pd.DataFrame) -> Figure:
    """Plot the three engagement rates as box plots, in percent on a logarithmic axis.

    Parameters
    ----------
    sample : DataFrame
        ``avg_engagement_rate``, ``like_engagement_rate`` and ``comment_engagement_rate`` (fractions). Boxes hold the
        middle half, whiskers 90%. The labels count the zeros.
    """
    percents = {feature: to_float_array(sample, feature) * 100 for feature in _RATES}
    shown = {feature: values[values > 0] for feature, values in percents.items()}
    if not any(len(values) for values in shown.values()):
        return empty_figure("no profile has an engagement rate above zero.")
    figure = new_figure(height=2.6)
    axes = figure.subplots()
    for place, values in enumerate(shown.values()):
        if len(values):
            axes.boxplot(
                [values], positions=[-place], widths=0.55, orientation="horizontal", whis=(5, 95), showfliers=False,
                patch_artist=True, boxprops={"facecolor": COLORS[place], "alpha": 0.75}, medianprops={"color": INK},
            )  # fmt: skip
            axes.annotate(
                f"{format_short(float(np.median(values)))}%", (float(np.median(values)), -place + 0.3),
                ha="center", va="bottom", fontsize=SMALL,
            )  # fmt: skip
    zeros = {feature: int((values == 0).sum()) for feature, values in percents.items()}
    names = [
        f"{axis_label(name)}\n({format_count(len(shown[name]))}; zero: {format_count(zeros[name])})"
        for name in _RATES
    ]
    axes.set_yticks([0, -1, -2], names)
    axes.set_ylim(-2.5, 0.65)
    log_axis(axes, "x")
    style_axes(axes, "percent of the followers per video (log scale; whiskers: 5% to 95%)")
    rate, likes, comments = (format_short(_median(percents[name])) for name in _RATES)
    return set_title(figure, f"The median engagement rate is {rate}%: likes {likes}%, comments {comments}%")


def plot_correlations(statistics: pd.DataFrame) -> Figure:
    """Plot the Spearman and the Pearson correlations of at most 14 features, counts and rates first.

    Parameters
    ----------
    statistics : DataFrame
        ``feature``, ``other_feature``, ``statistic`` (only "pearson" and "spearman" count) and ``value`` (-1 to 1,
        NULL for a constant feature, which is left out).
    """
    rows = statistics[statistics["statistic"].isin(["pearson", "spearman"])]
    matrices = {name: _matrix(rows[rows["statistic"] == name]) for name in ("spearman", "pearson")}
    names = _chosen(matrices["spearman"])
    if len(names) < 2:
        return empty_figure("fewer than two features vary.")
    figure = new_figure(height=2.2 + 0.21 * max(len(names), 5))
    labels = [axis_label(name) for name in names]
    panels = figure.subplots(1, 2)
    for axes, (statistic, matrix) in zip(panels, matrices.items(), strict=True):
        values = matrix.reindex(index=names, columns=names).to_numpy(dtype=float)
        texts = [[_short_number(value) for value in line] for line in values]
        heat_map(axes, values, diverging_cmap(), (-1.0, 1.0), texts if len(names) <= _MAX_WITH_NUMBERS else None)
        below = labels if len(names) > 4 else [wrap(text, 16) for text in labels]
        axes.set_xticks(range(len(names)), below, rotation=90 if len(names) > 4 else 0)
        axes.set_yticks(range(len(names)), labels if axes is panels[0] else [""] * len(names))
        axes.set_title(
            "Spearman (ranks)" if statistic == "spearman" else "Pearson (values)", fontsize=9, loc="left", y=1.0
        )
    scale = figure.colorbar(panels[1].images[0], ax=list(panels), shrink=0.6, aspect=25, pad=0.02)
    scale.ax.tick_params(labelsize=SMALL)
    return set_title(figure, _strongest(matrices["spearman"], names))


def plot_qq(
    sample: pd.DataFrame,
    features: Sequence[str],
    transform: Mapping[str, str],
    normality_p: Mapping[str, float] = MappingProxyType({}),
) -> Figure:
    """Plot the quantiles of at most five features against the normal ones, before and after the transform.

    Parameters
    ----------
    sample : DataFrame
        The features in their own units.
    features : sequence of str
        The features to draw. A line along the dashes is normal.
    transform : mapping of str to str
        "log1p" for a feature that is logged; any other value means that it is only scaled.
    normality_p : mapping of str to float
        The p-value of the stored test of each transformed feature; one without does not look normal.
    """
    columns = {feature: to_float_array(sample, feature) for feature in list(features)[:_MAX_QQ]}
    columns = {feature: values[~np.isnan(values)] for feature, values in columns.items()}
    columns = {feature: values for feature, values in columns.items() if len(values) >= 3 and np.ptp(values) > 0}
    if not columns:
        return empty_figure("no feature has three different values.")
    figure = new_figure(height=0.75 + 1.45 * len(columns))
    grid = figure.subplots(len(columns), 2, squeeze=False, sharex=True)
    logs = [feature for feature in columns if transform.get(feature) == "log1p"]
    normal = []
    for (left, right), (feature, values) in zip(grid, columns.items(), strict=True):
        _qq(left, values, axis_label(feature))
        left.set_ylabel("std. deviations", fontsize=SMALL)
        changed = np.log1p(np.maximum(values, 0)) if feature in logs else values
        skewness, straightness = _qq(
            right, changed, f"ln({short_label(feature)} + 1)" if feature in logs else "scaled"
        )
        if looks_normal(normality_p.get(feature, np.nan), skewness, straightness):
            normal.append(short_label(feature))
    for axes in grid[-1]:
        axes.set_xlabel("quantile of the normal distribution", fontsize=9)
    some = "After the study's transform" if logs else "Only scaled"
    transformed = "After the logarithm" if len(logs) == len(columns) else some
    if not normal:
        return set_title(figure, f"{transformed}, none of {len(columns)} features looks normal")
    listed = "" if len(normal) == len(columns) else f": {', '.join(normal)}"
    return set_title(figure, f"{transformed}, {len(normal)} of {len(columns)} features look normal{listed}")


def plot_likes_per_video(sample: pd.DataFrame) -> Figure:
    """Plot likes per video by followers, with the median of each tenth.

    Parameters
    ----------
    sample : DataFrame
        The counts ``followers``, ``likes`` and ``videos_count``. Zeros are not on the logarithmic axes.
    """
    followers, likes, videos = (to_float_array(sample, name) for name in ("followers", "likes", "videos_count"))
    per_video = np.divide(likes, videos, out=np.full(len(likes), np.nan), where=videos > 0)
    points = pd.DataFrame({"x": followers, "y": per_video})
    points = points[(points["x"] > 0) & (points["y"] > 0)]
    if points.empty:
        return empty_figure("no profile has followers, likes and videos.")
    figure = new_figure(height=3.8)
    axes = figure.subplots()
    thinned = thin_points(points)
    axes.scatter(thinned["x"], thinned["y"], s=9, color=COLORS[0], alpha=0.4, linewidths=0, rasterized=True)
    medians = points.groupby(pd.qcut(points["x"], 10, duplicates="drop"), observed=True).median()
    if len(medians) > 1:
        axes.plot(medians["x"], medians["y"], color=COLORS[4], marker="o", markersize=4, label="median of each tenth")
    log_axis(axes, "x")
    log_axis(axes, "y")
    style_axes(
        axes,
        f"followers (log scale; {format_count(len(points))} of {format_count(len(sample))} profiles)",
        "likes per video (log scale)",
    )
    legend(axes, loc="upper left")
    correlation = _spearman(followers, per_video)
    if np.isnan(correlation):
        return set_title(figure, "Likes per video by followers")
    title = f"The larger the audience, the {'more' if correlation > 0 else 'fewer'} likes per video"
    title = "Followers and likes per video are hardly correlated" if abs(correlation) < 0.3 else title
    return set_title(figure, f"{title} (Spearman {format_number(correlation)})")


def plot_likes_by_videos(sample: pd.DataFrame) -> Figure:
    """Plot the likes of profiles by their number of videos: median and middle half, in bins that double.

    Parameters
    ----------
    sample : DataFrame
        The counts ``likes`` and ``videos_count``. Profiles without a video are left out.
    """
    rows = pd.DataFrame(
        {"videos": to_float_array(sample, "videos_count"), "likes": to_float_array(sample, "likes")}
    ).dropna()
    rows = rows[rows["videos"] >= 1]
    if rows.empty:
        return empty_figure("no profile has videos and likes.")
    grouped = rows["likes"].groupby(np.floor(np.log2(rows["videos"])).astype(int))
    bins = pd.DataFrame(
        {share: grouped.quantile(share) for share in (0.25, 0.5, 0.75)} | {"profiles": grouped.size()}
    )
    # The median of a few profiles is unreliable. If all bins are that small, they are shown all the same.
    enough = bins[bins["profiles"] >= 10]
    bins = enough if len(enough) else bins
    bins = bins[bins[0.5] > 0]
    if bins.empty:
        return empty_figure("the profiles with videos have no likes.")
    figure = new_figure(height=3.4)
    axes = figure.subplots()
    middle = 1.5 * 2.0 ** bins.index.to_numpy(dtype=float)
    axes.fill_between(
        middle, np.maximum(bins[0.25], 1), bins[0.75], color=COLORS[0], alpha=0.2, linewidth=0, label="middle half"
    )
    axes.plot(middle, bins[0.5], color=COLORS[0], marker="o", label="median")
    peak = int(bins.index[int(bins[0.5].to_numpy().argmax())])
    axes.plot(
        1.5 * 2.0**peak, bins[0.5].max(), color=COLORS[4], marker="*", markersize=14, linestyle="none", label="peak"
    )
    log_axis(axes, "x")
    log_axis(axes, "y")
    style_axes(axes, "videos (log scale)", "likes received (log scale)")
    legend(axes, loc="upper left")
    bounds = f"{format_short(2.0**peak)} to {format_short(2.0 ** (peak + 1) - 1)} videos" if peak else "1 video"
    return set_title(figure, f"Median likes are highest at {bounds}: {format_short(float(bins[0.5].max()))}")


def _median(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else float("nan")


def _histogram(axes: Axes, values: np.ndarray, feature: str, *, logged: bool) -> None:
    known = values[~np.isnan(values)]
    shown = known[known > 0] if logged else known
    heading = f"{format_count(len(known))} profiles"
    if logged and (zeros := int((known == 0).sum())):
        heading += f", {format_count(zeros)} zero"
    if missing := len(values) - len(known):
        heading += f", {format_count(missing)} unknown"
    if len(shown):
        low, high = float(shown.min()), float(shown.max())
        high = high if high > low else low * 1.1 + (low == 0)
        edges = np.geomspace(low, high, 31) if logged else np.linspace(low, high, 31)
        axes.hist(shown, bins=list(edges), histtype="stepfilled", color=COLORS[0], alpha=0.85)
        middle = float(np.median(shown))
        axes.axvline(middle, color=COLORS[4], linewidth=1.6, label=f"median {format_short(middle)}")
        axes.margins(y=0.22)
        if logged:
            log_axis(axes, "x", 3)
        else:
            linear_axis(axes, "x")
    linear_axis(axes, "y", 4)
    style_axes(axes, axis_label(feature) + (" (log scale)" if logged else ""), "", heading)
    legend(axes, loc="upper right", handlelength=1.2)


def _matrix(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the pairs of one statistic as a symmetric matrix of the features that vary, with 1 on the diagonal."""
    pairs = {
        frozenset(pair): value
        for *pair, value in zip(rows["feature"], rows["other_feature"], to_float_array(rows, "value"), strict=True)
    }
    varying = dict.fromkeys(name for pair, value in pairs.items() if not np.isnan(value) for name in sorted(pair))
    names = list(varying)
    values = [[1.0 if a == b else pairs.get(frozenset((a, b)), np.nan) for b in names] for a in names]
    return pd.DataFrame(values, index=names, columns=names, dtype=float)


def _chosen(matrix: pd.DataFrame) -> list[str]:
    """Return counts and rates, then the others in their order, then logarithms if their counts are missing."""
    rest = [name for name in matrix.index if name not in _FIRST]
    order = [name for name in _FIRST if name in matrix.index]
    order += sorted(rest, key=lambda name: name.startswith("log_"))
    order = [name for name in order if not (name.startswith("log_") and set(_FIRST[:4]) & set(order))]
    return order[:_MAX_CORRELATED]


def _strongest(matrix: pd.DataFrame, names: Sequence[str]) -> str:
    """Name the strongest pair; a rate and its own parts count only if there is no other pair."""
    pairs = [(abs(matrix[b][a]), a, b) for a, b in combinations(names, 2) if not np.isnan(matrix[b][a])]
    main = [pair for pair in pairs if set(pair[1:]) <= set(_FIRST) and not set(pair[1:]) <= set(_RATES)]
    if not pairs:
        return "No two features are correlated"
    _, feature, other = max(main or pairs)
    value = float(matrix.to_numpy()[matrix.index.get_loc(feature), matrix.index.get_loc(other)])
    first, second = short_label(feature), short_label(other)
    correlation = f"(Spearman {format_number(value)})"
    if abs(value) < 0.3:
        return f"No features are clearly correlated; the closest are {first} and {second} {correlation}"
    relation = "rise together" if value > 0 else "run against each other"
    return f"{capitalized(first)} and {second} {relation} {correlation}"


def _short_number(value: float) -> str:
    """Return a correlation in few letters: .31, −.50, 1."""
    if np.isnan(value):
        return ""
    return format_number(value, 0) if abs(value) >= 0.995 else f"{value:.2f}".replace("0.", ".").replace("-", MINUS)


def _spearman(x: np.ndarray, y: np.ndarray) -> float:
    """Return Spearman's correlation of the rows that have both values; NaN for fewer than three or a constant."""
    correlations = pd.DataFrame({"x": x, "y": y}).corr(method="spearman", min_periods=3)
    return float(correlations.to_numpy()[0, 1])


def looks_normal(normality_p: float, skewness: float, straightness: float) -> bool:
    """Return whether a distribution may be called normal: by the stored test, and to the eye.

    Parameters
    ----------
    normality_p : float
        The p-value of the stored test; below `REJECTED` the distribution is not normal. NaN: not tested.
    skewness : float
        Pandas' adjusted skewness, at most `NORMAL_ENOUGH` without its sign.
    straightness : float
        Correlation with the normal quantiles, at least `STRAIGHT_ENOUGH`: two peaks may be symmetric as well.

    Examples
    --------
    >>> looks_normal(0.05, 0.5, 0.98), looks_normal(0.049, 0.0, 1.0), looks_normal(float("nan"), 0.0, 1.0)
    (True, False, False)
    """
    return normality_p >= REJECTED and abs(skewness) <= NORMAL_ENOUGH and straightness >= STRAIGHT_ENOUGH


def _qq(axes: Axes, values: np.ndarray, label: str) -> tuple[float, float]:
    """Draw standardized quantiles against the normal ones; return skewness and correlation with the normal ones."""
    from scipy.stats import norm  # noqa: PLC0415 - half a second

    places = (np.arange(_QQ_POINTS) + 0.5) / _QQ_POINTS
    expected = norm.ppf(places)
    observed = (np.quantile(values, places) - values.mean()) / (float(values.std()) or 1.0)
    axes.plot([-2.5, 2.5], [-2.5, 2.5], color=FAINT, linestyle="--", linewidth=1)
    axes.plot(expected, observed, color=COLORS[0], linewidth=2.4)
    axes.set_xticks([-2, 0, 2])
    skewness = to_float_array(pd.DataFrame({"skewness": [pd.Series(values).skew()]}), "skewness")[0]
    linear_axis(axes, "y", 4)
    style_axes(axes, "", "", f"{label}: skewness {format_number(skewness)}")
    straightness = float(np.corrcoef(expected, observed)[0, 1]) if np.ptp(observed) > 0 else 0.0
    return float(skewness), straightness
