"""Figures of the segments: where their profiles are, and what sets each segment apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tiktok_pipeline.output.number_format import format_count, format_number, format_percent, format_short
from tiktok_pipeline.plots.style import (
    FAINT,
    INK,
    SMALL,
    axis_label,
    empty_figure,
    legend_below,
    linear_axis,
    log_axis,
    new_figure,
    persona_styles,
    set_title,
    short_label,
    shorten,
    style_axes,
    thin_points,
    to_float_array,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_OUTLINE_POINTS = 120
_MAX_ARROWS = 10


def plot_silhouette(silhouettes: pd.DataFrame, names: Mapping[int, str], known: Sequence[str] = ()) -> Figure:
    """Plot the silhouettes of the profiles in falling order, segment by segment.

    Parameters
    ----------
    silhouettes : DataFrame
        One row per profile: ``cluster`` and ``silhouette`` (-1 to 1). Below zero a profile is closer to another
        segment.
    names : mapping of int to str
        The persona of each cluster.
    known : sequence of str
        The personas of the study's catalog, in its order.
    """
    rows = (
        _with_persona(silhouettes, names)
        .assign(value=to_float_array(silhouettes, "silhouette"))
        .dropna(subset=["value"])
    )
    rows = thin_points(rows.dropna(subset=["persona"]).sort_values(["number", "value"], ascending=[True, False]))
    if rows.empty:
        return empty_figure("no profile has a silhouette.")
    styles = persona_styles([*names.values(), *rows["persona"]], known)
    groups = list(rows.groupby("number"))
    figure = new_figure(height=2.0 + 0.3 * len(groups))
    axes = figure.subplots()
    gap, top, ticks = len(rows) * 0.03, 0.0, {}
    for _, group in groups:
        values, name = group["value"].to_numpy(dtype=float), group["persona"].iloc[0]
        at = np.linspace(0, 1, min(_OUTLINE_POINTS, len(values)))
        outline = np.quantile(values, 1 - at) if len(values) > 1 else np.repeat(values, 2)
        places = -top - (at if len(values) > 1 else np.array([0.0, 1.0])) * len(values)
        axes.fill_betweenx(places, 0, outline, color=styles[name][0], alpha=0.85, linewidth=0.6)
        ticks[-top - len(values) / 2] = f"{shorten(name, 32)}: {values.mean():.2f}"
        top += len(values) + gap
    mean = float(rows["value"].mean())
    axes.axvline(mean, color=INK, linestyle="--", linewidth=1.2)
    axes.axvline(0, color=FAINT, linewidth=0.8)
    line = top * 0.16 / (figure.get_figheight() - 1.0)
    heights = _apart(list(ticks), line)
    axes.set_yticks(heights, list(ticks.values()))
    axes.set_ylim(min(-top + gap * 0.5, heights[-1] - line / 2), max(gap * 0.5, heights[0] + line / 2))
    style_axes(axes, f"silhouette of a profile (dashed: mean of all, {mean:.2f})")
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    below = float((rows["value"] < 0).mean()) * 100
    means = rows.groupby("persona")["value"].mean()
    title = f"{below:.0f}% of the profiles are closer to another segment"
    if len(means) > 1:
        title += f"; tightest: {shorten(means.idxmax(), 34)} ({format_number(means.max())})"
        title += f", loosest: {shorten(means.idxmin(), 34)} ({format_number(means.min())})"
    return set_title(figure, title)


def plot_biplot(
    values: pd.DataFrame, clusters: pd.Series, names: Mapping[int, str], known: Sequence[str] = ()
) -> Figure:
    """Plot the profiles on their first two principal components, with an arrow for each feature.

    Parameters
    ----------
    values : DataFrame
        The features as the study scales them, one column each.
    clusters : Series
        The cluster of each row.
    names : mapping of int to str
        The persona of each cluster.
    known : sequence of str
        The personas of the study's catalog, in its order.
    """
    numbers = pd.DataFrame({name: to_float_array(values, name) for name in values.columns}).assign(
        cluster=np.asarray(clusters)
    )
    numbers = numbers.dropna()
    features = [name for name in values.columns if len(numbers) and np.ptp(numbers[name]) > 0]
    if len(numbers) < 3 or len(features) < 2:
        return empty_figure("principal components need three profiles and two features that vary.")
    centered = numbers[features].to_numpy(dtype=float)
    centered = centered - centered.mean(axis=0)
    _, strengths, directions = np.linalg.svd(centered, full_matrices=False)
    # The sign of a component is arbitrary; a fixed one gives the same figure on every machine.
    directions = directions[:2] * np.sign(directions[:2][[0, 1], np.abs(directions[:2]).argmax(axis=1)])[:, None]
    shares = strengths**2 / (strengths**2).sum() * 100
    places = pd.DataFrame(centered @ directions.T, columns=["x", "y"]).assign(cluster=numbers["cluster"].to_numpy())
    figure = new_figure(height=4.3)
    axes = figure.subplots()
    _scatter(axes, places, names, known, ("x", "y"))
    limits = [_limits(places[name].to_numpy(dtype=float)) for name in ("x", "y")]
    axes.set_xlim(*limits[0])
    axes.set_ylim(*limits[1])
    _arrows(axes, features, directions)
    inside = places["x"].between(*limits[0]) & places["y"].between(*limits[1])
    beyond = f"; {format_count((~inside).sum())} profiles outside the axes" if (~inside).any() else ""
    style_axes(axes, f"component 1 ({shares[0]:.0f}% of the variance{beyond})", f"component 2 ({shares[1]:.0f}%)")
    legend_below(figure, axes)
    strongest = [short_label(features[int(np.abs(direction).argmax())]) for direction in directions]
    title = f"Two components explain {shares[:2].sum():.0f}% of the variance; the first is mostly {strongest[0]}"
    return set_title(figure, title + (f", the second {strongest[1]}" if strongest[1] != strongest[0] else ""))


def plot_archetypes(
    points: pd.DataFrame, centroids: pd.DataFrame, names: Mapping[int, str], known: Sequence[str] = ()
) -> Figure:
    """Plot the profiles of a study with two features by persona, and the named center of each segment.

    Parameters
    ----------
    points, centroids : DataFrame
        ``cluster`` and the same two features in their own units.
    names : mapping of int to str
        The persona of each cluster.
    known : sequence of str
        The personas of the study's catalog, in its order.
    """
    features = [str(name) for name in centroids.columns if name not in ("cluster", "account_id")][:2]
    if len(features) < 2:
        return empty_figure("the study has fewer than two features.")
    shown = points.assign(**{name: to_float_array(points, name) for name in features}).dropna(
        subset=[*features, "cluster"]
    )
    if shown.empty:
        return empty_figure("no profile has a segment.")
    figure = new_figure(height=4.3)
    axes = figure.subplots()
    _scatter(axes, shown, names, known, (features[0], features[1]))
    for name, which in zip(features, ("x", "y"), strict=True):
        is_wide = shown[name].min() > 0 and shown[name].max() / shown[name].min() > 1_000
        (log_axis if is_wide else linear_axis)(axes, which)
    _draw_centroids(axes, centroids, features, names, persona_styles(names.values(), known))
    style_axes(axes, axis_label(features[0]), axis_label(features[1]))
    legend_below(figure, axes)
    sizes = _persona_counts(_with_persona(shown, names))
    share = format_percent(sizes.iloc[0] / sizes.sum(), 0)
    title = f"Largest segment: {shorten(sizes.index[0])} ({share} of {format_count(sizes.sum())})"
    if len(centroids):
        best = centroids.assign(height=to_float_array(centroids, features[1])).sort_values("height").iloc[-1]
        highest = names.get(int(best["cluster"]), f"cluster {int(best['cluster'])}")
        height = format_short(float(best["height"]))
        title += f"; highest {short_label(features[1])}: {shorten(highest)} ({height})"
    return set_title(figure, title)


def _draw_centroids(
    axes: Axes,
    centroids: pd.DataFrame,
    features: Sequence[str],
    names: Mapping[int, str],
    styles: Mapping[str, tuple[str, str]],
) -> None:
    columns = (to_float_array(centroids, name) for name in features)
    for cluster, x, y in zip(centroids["cluster"], *columns, strict=True):
        name = names.get(int(cluster), f"cluster {int(cluster)}")
        axes.scatter(
            [x], [y], s=90, marker=styles.get(name, ("", "o"))[1], color="white", edgecolors=INK, linewidths=1.6,
            zorder=4,
        )  # fmt: skip
        axes.annotate(
            shorten(name, 28), (x, y), xytext=(0, 9), textcoords="offset points", ha="center", fontsize=SMALL,
            zorder=5, weight="bold", parse_math=False,
            bbox={"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "boxstyle": "round,pad=0.15"},
        )  # fmt: skip


def plot_personas(
    points: pd.DataFrame,
    names: Mapping[int, str],
    study: str,
    known: Sequence[str] = (),
    *,
    response: str = "avg_engagement_rate",
) -> Figure:
    """Plot the profiles on followers and a rate of response (both logarithmic), colored by persona.

    Parameters
    ----------
    points : DataFrame
        ``followers``, the rate (a fraction) and ``cluster``. Profiles with a zero are not on the
        logarithmic axes; the axis label counts them.
    names : mapping of int to str
        The persona of each cluster.
    study : str
        The name of the study.
    known : sequence of str
        The personas of the study's catalog, in its order.
    response : str
        The column of the rate.
    """
    rate = short_label(response)
    numbers = pd.DataFrame(
        {
            "followers": to_float_array(points, "followers"),
            "engagement": to_float_array(points, response) * 100,
            "cluster": points["cluster"].to_numpy(),
        }
    )
    shown = numbers[(numbers["followers"] > 0) & (numbers["engagement"] > 0)].dropna(subset=["cluster"])
    if shown.empty:
        return empty_figure(f"no profile of {shorten(study)} has a segment, followers and {_with_article(rate)}.")
    figure = new_figure(height=4.0)
    axes = figure.subplots()
    _scatter(axes, shown, names, known, ("followers", "engagement"))
    log_axis(axes, "x")
    log_axis(axes, "y")
    hidden = len(points) - len(shown)
    left_out = f"; without {format_count(hidden)} that have a zero or no segment" if hidden else ""
    style_axes(axes, f"followers (log scale{left_out})", f"{rate}, % (log scale)")
    legend_below(figure, axes)
    medians = _with_persona(shown, names).groupby("persona")[["followers", "engagement"]].median()
    widest, most_engaged = medians["followers"].idxmax(), medians["engagement"].idxmax()
    reach = f"median {format_short(medians['followers'].max())} followers"
    engagement = format_percent(medians["engagement"].max() / 100)
    if widest == most_engaged:
        title = f"Widest reach and highest {rate}: {shorten(widest)} ({reach}, {engagement})"
    else:
        title = f"Widest reach: {shorten(widest)} ({reach}); highest {rate}: {shorten(most_engaged)} ({engagement})"
    return set_title(figure, title)


def _with_article(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _with_persona(rows: pd.DataFrame, names: Mapping[int, str]) -> pd.DataFrame:
    """Return the rows with their cluster as a number and their persona, both missing without a cluster."""
    numbers = to_float_array(rows, "cluster")
    personas = [None if np.isnan(number) else names.get(int(number), f"cluster {int(number)}") for number in numbers]
    return rows.assign(number=numbers, persona=pd.Series(personas, index=rows.index, dtype=object))


def _persona_counts(rows: pd.DataFrame) -> pd.Series:
    """Return the number of rows of each persona, the largest first, equal ones in alphabetical order."""
    return rows["persona"].value_counts().sort_index().sort_values(ascending=False, kind="stable")


def _scatter(
    axes: Axes, points: pd.DataFrame, names: Mapping[int, str], known: Sequence[str], features: tuple[str, str]
) -> None:
    """Draw a layer of points per persona, the largest first so that small ones stay visible; count all points."""
    rows = _with_persona(points, names).dropna(subset=["persona"])
    styles = persona_styles([*names.values(), *rows["persona"]], known)
    thinned = thin_points(rows)
    for name, count in _persona_counts(rows).items():
        members = thinned[thinned["persona"] == name]
        color, marker = styles[str(name)]
        axes.scatter(
            members[features[0]], members[features[1]], s=13, alpha=0.6, c=color, marker=marker, linewidths=0,
            rasterized=True, label=f"{shorten(name)} ({format_count(count)})",
        )  # fmt: skip


def _limits(values: np.ndarray) -> tuple[float, float]:
    """Return limits that hold 99% of the values, so that one outlier does not compress all others."""
    low, high = (float(quantile) for quantile in np.quantile(values, (0.005, 0.995)))
    margin = max((high - low) * 0.12, 1e-9)
    return min(low - margin, -margin), max(high + margin, margin)


def _arrows(axes: Axes, features: Sequence[str], directions: np.ndarray) -> None:
    """Draw an arrow for each of the features with the longest loadings, with labels that do not overlap."""
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    lengths = np.hypot(*directions)
    kept = np.argsort(-lengths, kind="stable")[:_MAX_ARROWS]
    scale = 0.78 * min(
        min((right if x > 0 else -left) / abs(x), (high if y > 0 else -low) / abs(y))
        for x, y in directions.T[kept] + 1e-12
    )
    tips = directions.T[kept] * scale
    for x, y in tips:
        axes.annotate("", (x, y), (0, 0), arrowprops={"arrowstyle": "-|>", "color": INK, "linewidth": 1.3})
    for side in (True, False):
        chosen = [place for place in range(len(kept)) if (tips[place][0] >= 0) == side]
        heights = _apart([float(tips[place][1]) for place in chosen], (high - low) * 0.06)
        for place, y in zip(chosen, heights, strict=True):
            x = float(tips[place][0]) + (right - left) * (0.012 if side else -0.012)
            axes.text(
                x, y, axis_label(features[kept[place]]), ha="left" if side else "right", va="center", fontsize=SMALL,
                weight="bold", color=INK, parse_math=False, clip_on=False,
                bbox={"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 0.6},
            )  # fmt: skip


def _apart(places: Sequence[float], distance: float) -> list[float]:
    """Return the places moved as little as possible (least squares), so that neighbors keep their distance."""
    order = sorted(range(len(places)), key=lambda index: places[index])
    # Minus the space of those before them, places must not fall; neighbors that do are pooled at their mean.
    pools: list[tuple[float, int]] = []
    for before, index in enumerate(order):
        pools.append((places[index] - before * distance, 1))
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (last, last_size), (previous, size) = pools.pop(), pools.pop()
            pools.append(((previous * size + last * last_size) / (size + last_size), size + last_size))
    levels = [level for level, size in pools for _ in range(size)]
    moved = {index: levels[before] + before * distance for before, index in enumerate(order)}
    return [moved[index] for index in range(len(places))]
