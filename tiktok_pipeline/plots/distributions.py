"""Pictures of the profiles of a snapshot: how their figures are spread, and which go together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tiktok_pipeline.plots.style import (
    COLOURS,
    FAINT,
    INK,
    SMALL,
    diverging,
    empty_figure,
    figure,
    format_si,
    heat_map,
    in_words,
    label,
    legend,
    log_axis,
    plain_axis,
    set_title,
    spearman,
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
_MOST_CORRELATED = 14
_MOST_WITH_NUMBERS = 10
_MOST_QQ = 5
_QQ_POINTS = 60
NORMAL_ENOUGH = 0.5
"""Absolute skewness up to which a distribution is called symmetric (Bulmer 1979)."""
STRAIGHT_ENOUGH = 0.98
"""Correlation with the normal's quantiles from which they lie on a line (Filliben 1975)."""


def plot_distributions(sample: pd.DataFrame, source: str) -> Figure:
    """How the main figures of a source are spread.

    ``sample`` has ``followers``, ``following``, ``likes`` (counts; drawn on log axes, zeros counted beside them) for
    source "profiles", ``engagement_index`` and ``monetization_maturity`` (points) for "creator_activity".
    """
    logged = source == "profiles"
    features = ("followers", "following", "likes") if logged else ("engagement_index", "monetization_maturity")
    columns = {feature: to_float_array(sample, feature) for feature in features}
    if all(np.isnan(values).all() for values in columns.values()):
        return empty_figure(f"no profile has {', '.join(label(feature) for feature in features)}.")
    drawn = figure(height=2.9)
    for axes, (feature, values) in zip(drawn.subplots(1, len(features)), columns.items(), strict=True):
        _histogram(axes, values, feature, logged=logged)
    drawn.axes[0].set_ylabel("profiles", fontsize=9)
    first = features[0]
    known = columns[first][~np.isnan(columns[first])]
    if logged and len(known):
        typical, large = np.median(known), np.quantile(known, 0.99)
        finding = f"Half of the profiles have at most {format_si(typical)} followers, one in a hundred over {format_si(large)}"
    else:
        parts = [f"{in_words(feature)} {format_si(_middle(values))}" for feature, values in columns.items()]
        finding = f"The median creator has {' and '.join(parts)} points"
    return set_title(drawn, finding)


def plot_engagement(sample: pd.DataFrame) -> Figure:
    """The three engagement rates as box plots, in per cent on a log axis.

    ``sample`` has ``avg_engagement_rate``, ``like_engagement_rate``, ``comment_engagement_rate`` (fractions). Boxes
    hold the middle half, whiskers 90 %; zeros are counted in the labels.
    """
    percents = {feature: to_float_array(sample, feature) * 100 for feature in _RATES}
    shown = {feature: values[values > 0] for feature, values in percents.items()}
    if not any(len(values) for values in shown.values()):
        return empty_figure("no profile has an engagement rate above zero.")
    drawn = figure(height=2.6)
    axes = drawn.subplots()
    for place, values in enumerate(shown.values()):
        if len(values):
            axes.boxplot(
                [values], positions=[-place], widths=0.55, orientation="horizontal", whis=(5, 95), showfliers=False,
                patch_artist=True, boxprops={"facecolor": COLOURS[place], "alpha": 0.75}, medianprops={"color": INK},
            )  # fmt: skip
            axes.annotate(
                f"{format_si(float(np.median(values)))} %", (float(np.median(values)), -place + 0.3),
                ha="center", va="bottom", fontsize=SMALL,
            )  # fmt: skip
    zeros = {feature: int((values == 0).sum()) for feature, values in percents.items()}
    names = [f"{label(name)}\n({len(shown[name]):,}; zero: {zeros[name]:,})" for name in _RATES]
    axes.set_yticks([0, -1, -2], names)
    axes.set_ylim(-2.5, 0.65)
    log_axis(axes, "x")
    style_axes(axes, "per cent of the followers, for each video (log scale; whiskers: 5 % to 95 %)")
    middle, likes, comments = (format_si(_middle(percents[name])) for name in _RATES)
    return set_title(drawn, f"The median engagement rate is {middle} %: likes {likes} %, comments {comments} %")


def plot_correlations(statistics: pd.DataFrame) -> Figure:
    """Which features go together: Spearman beside Pearson.

    ``statistics`` has ``feature``, ``other_feature``, ``statistic`` ("pearson", "spearman"; other rows are passed over)
    and ``value`` (-1 to 1, NULL for a constant). At most 14 features: counts and rates first; no constants.
    """
    rows = statistics[statistics["statistic"].isin(["pearson", "spearman"])]
    matrices = {kind: _matrix(rows[rows["statistic"] == kind]) for kind in ("spearman", "pearson")}
    names = _chosen(matrices["spearman"])
    if len(names) < 2:
        return empty_figure("there are no two features that vary.")
    drawn = figure(height=2.2 + 0.21 * max(len(names), 5))
    words = [label(name) for name in names]
    panels = drawn.subplots(1, 2)
    for axes, (kind, matrix) in zip(panels, matrices.items(), strict=True):
        values = matrix.reindex(index=names, columns=names).to_numpy(dtype=float)
        texts = [[_short_number(value) for value in line] for line in values]
        heat_map(axes, values, diverging(), (-1.0, 1.0), texts if len(names) <= _MOST_WITH_NUMBERS else None)
        below = words if len(names) > 4 else [wrap(text, 16) for text in words]
        axes.set_xticks(range(len(names)), below, rotation=90 if len(names) > 4 else 0)
        axes.set_yticks(range(len(names)), words if axes is panels[0] else [""] * len(names))
        axes.set_title(
            "Spearman (ranks)" if kind == "spearman" else "Pearson (values)", fontsize=9, loc="left", y=1.0
        )
    scale = drawn.colorbar(panels[1].images[0], ax=list(panels), shrink=0.6, aspect=25, pad=0.02)
    scale.ax.tick_params(labelsize=SMALL)
    return set_title(drawn, _strongest(matrices["spearman"], names))


def plot_qq(sample: pd.DataFrame, features: Sequence[str], transform: Mapping[str, str]) -> Figure:
    """Whether features look normal before and after the study's transform: quantiles against the normal's.

    ``sample`` has the features in their own units; ``transform`` says "log1p" or "identity" for each, as in
    ``clusters.models``. A line along the dashes is normal. At most five features.
    """
    columns = {feature: to_float_array(sample, feature) for feature in list(features)[:_MOST_QQ]}
    columns = {feature: values[~np.isnan(values)] for feature, values in columns.items()}
    columns = {feature: values for feature, values in columns.items() if len(values) >= 3 and np.ptp(values) > 0}
    if not columns:
        return empty_figure("no feature of the study has three different values.")
    drawn = figure(height=0.75 + 1.45 * len(columns))
    grid = drawn.subplots(len(columns), 2, squeeze=False, sharex=True)
    logs = [feature for feature in columns if transform.get(feature) == "log1p"]
    normal = []
    for (left, right), (feature, values) in zip(grid, columns.items(), strict=True):
        _qq(left, values, label(feature))
        left.set_ylabel("std. deviations", fontsize=SMALL)
        changed = np.log1p(np.maximum(values, 0)) if feature in logs else values
        if _qq(right, changed, f"ln({in_words(feature)} + 1)" if feature in logs else "scaled"):
            normal.append(in_words(feature))
    for axes in grid[-1]:
        axes.set_xlabel("quantile of the normal distribution", fontsize=9)
    how = (
        "After the logarithm"
        if len(logs) == len(columns)
        else "After the study's transform"
        if logs
        else "Only scaled"
    )
    if not normal:
        return set_title(drawn, f"{how}, none of {len(columns)} features looks normal")
    which = "" if len(normal) == len(columns) else f": {', '.join(normal)}"
    return set_title(drawn, f"{how}, {len(normal)} of {len(columns)} features look normal{which}")


def plot_likes_per_video(sample: pd.DataFrame) -> Figure:
    """Whether larger audiences bring more likes for each video.

    ``sample`` has ``followers``, ``likes`` and ``videos_count`` (counts). Both axes are logarithmic; zeros are left out.
    """
    followers, likes, videos = (to_float_array(sample, name) for name in ("followers", "likes", "videos_count"))
    each = np.divide(likes, videos, out=np.full(len(likes), np.nan), where=videos > 0)
    points = pd.DataFrame({"x": followers, "y": each})
    points = points[(points["x"] > 0) & (points["y"] > 0)]
    if points.empty:
        return empty_figure("no profile has followers, likes and videos.")
    drawn = figure(height=3.8)
    axes = drawn.subplots()
    some = thin_points(points)
    axes.scatter(some["x"], some["y"], s=9, color=COLOURS[0], alpha=0.4, linewidths=0, rasterized=True)
    middles = points.groupby(pd.qcut(points["x"], 10, duplicates="drop"), observed=True).median()
    if len(middles) > 1:
        axes.plot(
            middles["x"], middles["y"], color=COLOURS[4], marker="o", markersize=4, label="median of each tenth"
        )
    log_axis(axes, "x")
    log_axis(axes, "y")
    style_axes(
        axes, f"followers (log scale; {len(points):,} of {len(sample):,} profiles)", "likes per video (log scale)"
    )
    legend(axes, loc="upper left")
    strength = spearman(followers, each)
    if np.isnan(strength):
        return set_title(drawn, "Likes per video by followers")
    finding = f"The larger the audience, the {'more' if strength > 0 else 'fewer'} likes a video brings"
    finding = "Followers say little about likes per video" if abs(strength) < 0.3 else finding
    return set_title(drawn, f"{finding} (Spearman {strength:.2f})")


def plot_likes_by_videos(sample: pd.DataFrame) -> Figure:
    """How many likes profiles with so many videos have: median and middle half, in bins that double.

    ``sample`` has ``likes`` and ``videos_count`` (counts); profiles without a video are left out.
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
    # The median of a few profiles says nothing; where all bins are that small, they are shown all the same.
    enough = bins[bins["profiles"] >= 10]
    bins = enough if len(enough) else bins
    bins = bins[bins[0.5] > 0]
    if bins.empty:
        return empty_figure("the profiles with videos have no likes.")
    drawn = figure(height=3.4)
    axes = drawn.subplots()
    middle = 1.5 * 2.0 ** bins.index.to_numpy(dtype=float)
    axes.fill_between(
        middle, np.maximum(bins[0.25], 1), bins[0.75], color=COLOURS[0], alpha=0.2, linewidth=0, label="middle half"
    )
    axes.plot(middle, bins[0.5], color=COLOURS[0], marker="o", label="median")
    peak = int(bins.index[int(bins[0.5].to_numpy().argmax())])
    axes.plot(
        1.5 * 2.0**peak, bins[0.5].max(), color=COLOURS[4], marker="*", markersize=14, linestyle="none", label="peak"
    )
    log_axis(axes, "x")
    log_axis(axes, "y")
    style_axes(axes, "videos (log scale)", "likes over the account's life (log scale)")
    legend(axes, loc="upper left")
    between = f"{format_si(2.0**peak)} to {format_si(2.0 ** (peak + 1) - 1)}" if peak else "1"
    return set_title(drawn, f"Median likes peak at {between} videos: {format_si(float(bins[0.5].max()))}")


def _middle(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else float("nan")


def _histogram(axes: Axes, values: np.ndarray, feature: str, *, logged: bool) -> None:
    known = values[~np.isnan(values)]
    shown = known[known > 0] if logged else known
    heading = f"{len(known):,} profiles"
    if logged:
        heading += f", {(known == 0).sum():,} zero"
    if missing := len(values) - len(known):
        heading += f", {missing:,} unknown"
    if len(shown):
        low, high = float(shown.min()), float(shown.max())
        high = high if high > low else low * 1.1 + (low == 0)
        edges = np.geomspace(low, high, 31) if logged else np.linspace(low, high, 31)
        axes.hist(shown, bins=list(edges), histtype="stepfilled", color=COLOURS[0], alpha=0.85)
        middle = float(np.median(shown))
        axes.axvline(middle, color=COLOURS[4], linewidth=1.6, label=f"median {format_si(middle)}")
        axes.margins(y=0.22)
        if logged:
            log_axis(axes, "x", 5)
        else:
            plain_axis(axes, "x")
    plain_axis(axes, "y", 4)
    style_axes(axes, label(feature) + (" (log scale)" if logged else ""), "", heading)
    legend(axes, loc="upper right", handlelength=1.2)


def _matrix(rows: pd.DataFrame) -> pd.DataFrame:
    """The pairs of one statistic as a symmetric matrix; 1 on the diagonal of what varies."""
    pairs = {
        frozenset(pair): value
        for *pair, value in zip(rows["feature"], rows["other_feature"], to_float_array(rows, "value"), strict=True)
    }
    varying = dict.fromkeys(name for pair, value in pairs.items() if not np.isnan(value) for name in sorted(pair))
    names = list(varying)
    values = [[1.0 if a == b else pairs.get(frozenset((a, b)), np.nan) for b in names] for a in names]
    return pd.DataFrame(values, index=names, columns=names, dtype=float)


def _chosen(matrix: pd.DataFrame) -> list[str]:
    """Counts and rates first, then the others as they come; logarithms last, whose ranks are those of the counts."""
    rest = [name for name in matrix.index if name not in _FIRST]
    order = [name for name in _FIRST if name in matrix.index]
    order += sorted(rest, key=lambda name: name.startswith("log_"))
    order = [name for name in order if not (name.startswith("log_") and set(_FIRST[:4]) & set(order))]
    return order[:_MOST_CORRELATED]


def _strongest(matrix: pd.DataFrame, names: Sequence[str]) -> str:
    """The strongest pair in words; a rate and its own parts are no finding, unless there is nothing else."""
    pairs = [(abs(matrix[b][a]), a, b) for a, b in combinations(names, 2) if not np.isnan(matrix[b][a])]
    plain = [pair for pair in pairs if set(pair[1:]) <= set(_FIRST) and not set(pair[1:]) <= set(_RATES)]
    if not pairs:
        return "No two features go together"
    _, one, other = max(plain or pairs)
    value = float(matrix.to_numpy()[matrix.index.get_loc(one), matrix.index.get_loc(other)])
    how = "go together" if value > 0 else "run against each other"
    first, second = in_words(one), in_words(other)
    if abs(value) < 0.3:
        return f"No features go together; the closest are {first} and {second} (Spearman {value:.2f})"
    return f"{first[:1].upper()}{first[1:]} and {second} {how} (Spearman {value:.2f})"


def _short_number(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.2f}".replace("0.", ".") if abs(value) < 0.995 else f"{value:.0f}"


def _qq(axes: Axes, values: np.ndarray, what: str) -> bool:
    """Draw standardised quantiles against the normal's; whether they look normal.

    They do where the absolute skewness (adjusted, as pandas has it) is at most `NORMAL_ENOUGH` and the dots lie on a
    line (`STRAIGHT_ENOUGH`): two humps may be symmetric, too.
    """
    from scipy.stats import norm  # noqa: PLC0415 - half a second

    places = (np.arange(_QQ_POINTS) + 0.5) / _QQ_POINTS
    expected = norm.ppf(places)
    seen = (np.quantile(values, places) - values.mean()) / (float(values.std()) or 1.0)
    axes.plot([-2.5, 2.5], [-2.5, 2.5], color=FAINT, linestyle="--", linewidth=1)
    axes.plot(expected, seen, color=COLOURS[0], linewidth=2.4)
    axes.set_xticks([-2, 0, 2])
    skewness = to_float_array(pd.DataFrame({"skewness": [pd.Series(values).skew()]}), "skewness")[0]
    plain_axis(axes, "y", 4)
    style_axes(axes, "", "", f"{what}: skewness {skewness:.2f}")
    straight = np.ptp(seen) > 0 and np.corrcoef(expected, seen)[0, 1] >= STRAIGHT_ENOUGH
    return bool(abs(skewness) <= NORMAL_ENOUGH and straight)
