"""Pictures of who the segments are: where their profiles lie, and what marks each of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tiktok_pipeline.plots.style import (
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
    legend_below,
    log_axis,
    persona_styles,
    plain_axis,
    set_title,
    short,
    style_axes,
    thin_points,
    to_float_array,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_OUTLINE_POINTS = 120
_MOST_ARROWS = 10


def plot_silhouette(silhouettes: pd.DataFrame, names: Mapping[int, str], known: Sequence[str] = ()) -> Figure:
    """How well each profile sits in its segment: silhouettes in falling order, segment by segment.

    ``silhouettes`` has ``cluster`` and ``silhouette`` (-1 to 1), a row for each profile. Below zero a profile is nearer
    to another segment.
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
    drawn = figure(height=2.0 + 0.3 * len(groups))
    axes = drawn.subplots()
    gap, top, ticks = len(rows) * 0.03, 0.0, {}
    for _, group in groups:
        values, name = group["value"].to_numpy(dtype=float), group["persona"].iloc[0]
        at = np.linspace(0, 1, min(_OUTLINE_POINTS, len(values)))
        outline = np.quantile(values, 1 - at) if len(values) > 1 else np.repeat(values, 2)
        places = -top - (at if len(values) > 1 else np.array([0.0, 1.0])) * len(values)
        axes.fill_betweenx(places, 0, outline, color=styles[name][0], alpha=0.85, linewidth=0.6)
        ticks[-top - len(values) / 2] = f"{short(name, 32)}: {values.mean():.2f}"
        top += len(values) + gap
    mean = float(rows["value"].mean())
    axes.axvline(mean, color=INK, linestyle="--", linewidth=1.2)
    axes.axvline(0, color=FAINT, linewidth=0.8)
    line = top * 0.16 / (drawn.get_figheight() - 1.0)
    heights = _apart(list(ticks), line)
    axes.set_yticks(heights, list(ticks.values()))
    axes.set_ylim(min(-top + gap * 0.5, heights[-1] - line / 2), max(gap * 0.5, heights[0] + line / 2))
    style_axes(axes, f"silhouette of a profile (dashes: mean of all, {mean:.2f})")
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    below = float((rows["value"] < 0).mean()) * 100
    means = rows.groupby("persona")["value"].mean()
    finding = f"{below:.0f} % of the profiles lie nearer to another segment"
    if len(means) > 1:
        finding += f"; tightest: {short(means.idxmax(), 34)} ({means.max():.2f}), loosest: {short(means.idxmin(), 34)} ({means.min():.2f})"
    return set_title(drawn, finding)


def plot_biplot(
    values: pd.DataFrame, clusters: pd.Series, names: Mapping[int, str], known: Sequence[str] = ()
) -> Figure:
    """The profiles on their first two principal components, with an arrow for what each feature pulls towards.

    ``values`` has the features as the study scales them (a column each); ``clusters`` the cluster of each row.
    """
    numbers = pd.DataFrame({name: to_float_array(values, name) for name in values.columns}).assign(
        cluster=np.asarray(clusters)
    )
    numbers = numbers.dropna()
    features = [name for name in values.columns if len(numbers) and np.ptp(numbers[name]) > 0]
    if len(numbers) < 3 or len(features) < 2:
        return empty_figure("principal components need three profiles and two features that vary.")
    centred = numbers[features].to_numpy(dtype=float)
    centred = centred - centred.mean(axis=0)
    _, strengths, directions = np.linalg.svd(centred, full_matrices=False)
    # The sign of a component is arbitrary; so the same picture comes out on every machine.
    directions = directions[:2] * np.sign(directions[:2][[0, 1], np.abs(directions[:2]).argmax(axis=1)])[:, None]
    shares = strengths**2 / (strengths**2).sum() * 100
    places = pd.DataFrame(centred @ directions.T, columns=["x", "y"]).assign(cluster=numbers["cluster"].to_numpy())
    drawn = figure(height=4.3)
    axes = drawn.subplots()
    _scatter(axes, places, names, known, ("x", "y"))
    limits = [_frame(places[name].to_numpy(dtype=float)) for name in ("x", "y")]
    axes.set_xlim(*limits[0])
    axes.set_ylim(*limits[1])
    _arrows(axes, features, directions)
    inside = places["x"].between(*limits[0]) & places["y"].between(*limits[1])
    beyond = f"; {(~inside).sum():,} profiles beyond the frame" if (~inside).any() else ""
    style_axes(axes, f"component 1 ({shares[0]:.0f} % of the variance{beyond})", f"component 2 ({shares[1]:.0f} %)")
    legend_below(drawn, axes)
    most = [in_words(features[int(np.abs(direction).argmax())]) for direction in directions]
    finding = f"Two components hold {shares[:2].sum():.0f} % of the variance; the first is mostly {most[0]}"
    return set_title(drawn, finding + (f", the second {most[1]}" if most[1] != most[0] else ""))


def plot_archetypes(
    points: pd.DataFrame, centroids: pd.DataFrame, names: Mapping[int, str], known: Sequence[str] = ()
) -> Figure:
    """The profiles of a study of two features, by persona, with the named centre of each segment.

    ``points`` and ``centroids`` have ``cluster`` and the same two features in their own units.
    """
    features = [str(name) for name in centroids.columns if name not in ("cluster", "account_id")][:2]
    if len(features) < 2:
        return empty_figure("the study has fewer than two features.")
    shown = points.assign(**{name: to_float_array(points, name) for name in features}).dropna(
        subset=[*features, "cluster"]
    )
    if shown.empty:
        return empty_figure("no profile has a segment.")
    drawn = figure(height=4.3)
    axes = drawn.subplots()
    _scatter(axes, shown, names, known, (features[0], features[1]))
    for name, which in zip(features, ("x", "y"), strict=True):
        wide = shown[name].min() > 0 and shown[name].max() / shown[name].min() > 1_000
        (log_axis if wide else plain_axis)(axes, which)
    styles = persona_styles(names.values(), known)
    for cluster, x, y in zip(
        centroids["cluster"], *(to_float_array(centroids, name) for name in features), strict=True
    ):
        name = names.get(int(cluster), f"cluster {int(cluster)}")
        axes.scatter(
            [x],
            [y],
            s=90,
            marker=styles.get(name, ("", "o"))[1],
            color="white",
            edgecolors=INK,
            linewidths=1.6,
            zorder=4,
        )
        axes.annotate(
            short(name, 28), (x, y), xytext=(0, 9), textcoords="offset points", ha="center", fontsize=SMALL, zorder=5,
            weight="bold", parse_math=False,
            bbox={"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "boxstyle": "round,pad=0.15"},
        )  # fmt: skip
    style_axes(axes, label(features[0]), label(features[1]))
    legend_below(drawn, axes)
    sizes = (
        _with_persona(shown, names)["persona"].value_counts().sort_index().sort_values(ascending=False, kind="stable")
    )
    finding = f"{short(sizes.index[0])} is the largest segment: {sizes.iloc[0] / sizes.sum() * 100:.0f} % of {sizes.sum():,}"
    if len(centroids):
        best = centroids.assign(height=to_float_array(centroids, features[1])).sort_values("height").iloc[-1]
        highest = names.get(int(best["cluster"]), f"cluster {int(best['cluster'])}")
        finding += (
            f"; {short(highest)} is highest in {features[1].replace('_', ' ')} ({format_si(float(best['height']))})"
        )
    return set_title(drawn, finding)


def plot_personas(points: pd.DataFrame, names: Mapping[int, str], study: str, known: Sequence[str] = ()) -> Figure:
    """Profiles on followers and engagement (both log), coloured by persona.

    ``points`` has ``followers``, ``avg_engagement_rate`` (fraction) and ``cluster``; values of zero cannot stand on a
    log axis and are counted under it. ``known`` are the personas of the study's catalogue, in its order.
    """
    numbers = pd.DataFrame(
        {
            "followers": to_float_array(points, "followers"),
            "engagement": to_float_array(points, "avg_engagement_rate") * 100,
            "cluster": points["cluster"].to_numpy(),
        }
    )
    shown = numbers[(numbers["followers"] > 0) & (numbers["engagement"] > 0)].dropna(subset=["cluster"])
    if shown.empty:
        return empty_figure(f"no profile of {short(study)} has a segment, followers and engagement.")
    drawn = figure(height=4.0)
    axes = drawn.subplots()
    _scatter(axes, shown, names, known, ("followers", "engagement"))
    log_axis(axes, "x")
    log_axis(axes, "y")
    hidden = len(points) - len(shown)
    left_out = f"; {hidden:,} with a zero or without a segment not drawn" if hidden else ""
    style_axes(axes, f"followers (log scale{left_out})", "engagement rate, % (log scale)")
    legend_below(drawn, axes)
    middles = _with_persona(shown, names).groupby("persona")[["followers", "engagement"]].median()
    reach, response = middles["followers"].idxmax(), middles["engagement"].idxmax()
    reached = f"median {format_si(middles['followers'].max())} followers"
    answered = f"{format_si(middles['engagement'].max())} % engagement"
    if reach == response:
        return set_title(
            drawn, f"{short(reach)} has the widest reach and the highest response ({reached}, {answered})"
        )
    return set_title(
        drawn, f"{short(reach)} reaches furthest ({reached}), {short(response)} responds most ({answered})"
    )


def plot_snake(features: pd.DataFrame, known: Sequence[str] = ()) -> Figure:
    """How far each persona stands from the average in each feature, in per cent on a symmetric log axis.

    ``features`` is a slice of ``personas.features``; rows of base "fitted" are read.
    """
    table = _relative(features)
    if table.empty:
        return empty_figure("no persona has a figure beside the average.")
    drawn = figure(height=3.9)
    axes = drawn.subplots()
    styles = persona_styles(table.index, known)
    for name, values in table.iterrows():
        colour, marker = styles[str(name)]
        axes.plot(
            range(len(values)),
            values * 100,
            color=colour,
            marker=marker,
            markersize=6,
            linewidth=1.4,
            label=str(name),
        )
    axes.axhline(0, color=INK, linewidth=1)
    axes.set_yscale("symlog", linthresh=100, linscale=1.2)
    largest = float(np.nanmax(table.to_numpy()) * 100)
    ticks = [-100, -50, 0, 50, 100, *(10.0**power for power in range(3, 12) if 10.0**power <= max(largest * 2, 1))]
    axes.set_yticks(ticks, [f"{'+' if tick > 0 else ''}{format_si(tick)} %" for tick in ticks], minor=False)
    axes.yaxis.minorticks_off()
    axes.set_ylim(-125, max(largest * 1.6, 60))
    axes.set_xticks(
        range(table.shape[1]),
        [label(name) for name in table.columns],
        rotation=35,
        ha="right",
        rotation_mode="anchor",
    )
    axes.set_xlim(-0.4, table.shape[1] - 0.6)
    style_axes(axes, "", "mean, against the average of all")
    legend_below(drawn, axes)
    return set_title(drawn, _standout(table))


def plot_relative_importance(features: pd.DataFrame, known: Sequence[str] = ()) -> Figure:
    """The same as `plot_snake` as a heat map, with the per cent above or below the average in the cells."""
    table = _relative(features)
    if table.empty:
        return empty_figure("no persona has a figure beside the average.")
    table = table.reindex([name for name in known if name in table.index] + sorted(set(table.index) - set(known)))
    values = table.to_numpy(dtype=float)
    drawn = figure(height=1.9 + 0.36 * len(table))
    axes = drawn.subplots()
    # The colour goes with the logarithm of the ratio, so that half and double are equally far from the average.
    colours = np.clip(np.log2(np.maximum(values + 1, 1 / 32)), -5, 5)
    words = [["" if np.isnan(value) else _percent(value) for value in row] for row in values]
    heat_map(axes, colours, diverging(), (-5.0, 5.0), words)
    axes.set_xticks(
        range(table.shape[1]),
        [label(name) for name in table.columns],
        rotation=35,
        ha="right",
        rotation_mode="anchor",
    )
    axes.set_yticks(range(len(table)), [short(name, 34) for name in table.index])
    axes.set_xlabel("mean against the average of all, % (+100 %: double)", fontsize=9)
    return set_title(drawn, _standout(table))


def _with_persona(rows: pd.DataFrame, names: Mapping[int, str]) -> pd.DataFrame:
    """The rows with the number of their cluster and the name of their persona; both missing where there is none."""
    numbers = to_float_array(rows, "cluster")
    called = [None if np.isnan(number) else names.get(int(number), f"cluster {int(number)}") for number in numbers]
    return rows.assign(number=numbers, persona=pd.Series(called, index=rows.index, dtype=object))


def _scatter(
    axes: Axes, points: pd.DataFrame, names: Mapping[int, str], known: Sequence[str], features: tuple[str, str]
) -> None:
    """A layer of dots for each persona, largest first, so that the few lie on top; the legend counts all of them."""
    rows = _with_persona(points, names).dropna(subset=["persona"])
    styles = persona_styles([*names.values(), *rows["persona"]], known)
    drawn = thin_points(rows)
    for name, count in (
        rows["persona"].value_counts().sort_index().sort_values(ascending=False, kind="stable").items()
    ):
        some = drawn[drawn["persona"] == name]
        colour, marker = styles[str(name)]
        axes.scatter(
            some[features[0]], some[features[1]], s=13, alpha=0.6, c=colour, marker=marker, linewidths=0,
            rasterized=True, label=f"{short(name)} ({count:,})",
        )  # fmt: skip


def _frame(values: np.ndarray) -> tuple[float, float]:
    """Limits that hold 99 % of the values, so that a single giant does not squeeze all others into a corner."""
    low, high = (float(one) for one in np.quantile(values, (0.005, 0.995)))
    room = max((high - low) * 0.12, 1e-9)
    return min(low - room, -room), max(high + room, room)


def _arrows(axes: Axes, features: Sequence[str], directions: np.ndarray) -> None:
    """An arrow for each of the features with the longest loadings, their words kept apart."""
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    lengths = np.hypot(*directions)
    kept = np.argsort(-lengths, kind="stable")[:_MOST_ARROWS]
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
                x, y, label(features[kept[place]]), ha="left" if side else "right", va="center", fontsize=SMALL,
                weight="bold", color=INK, parse_math=False, clip_on=False,
                bbox={"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 0.6},
            )  # fmt: skip


def _apart(places: Sequence[float], distance: float) -> list[float]:
    """The places moved as little as can be (least squares), so that neighbours are at least that far apart."""
    order = sorted(range(len(places)), key=lambda one: places[one])
    # Less the room that those before need, the places must not fall: neighbours that do are pooled at their mean.
    pools: list[tuple[float, int]] = []
    for before, index in enumerate(order):
        pools.append((places[index] - before * distance, 1))
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (last, many), (first, few) = pools.pop(), pools.pop()
            pools.append(((first * few + last * many) / (few + many), few + many))
    level = [value for value, count in pools for _ in range(count)]
    moved = {index: level[before] + before * distance for before, index in enumerate(order)}
    return [moved[index] for index in range(len(places))]


def _relative(features: pd.DataFrame) -> pd.DataFrame:
    """Relative importance, a row for each persona and a column for each feature in the order of the rows."""
    rows = features[features["base"] == "fitted"]
    rows = rows.assign(value=to_float_array(rows, "relative_importance"))
    table = rows.pivot_table(index="persona", columns="feature", values="value", sort=False, observed=True)
    order = [name for name in dict.fromkeys(rows["feature"]) if name in table.columns]
    return table[order].dropna(axis="columns", how="all")


def _percent(value: float) -> str:
    return f"{'+' if value > 0 else ''}{format_si(round(value * 100, 0 if abs(value) >= 0.095 else 1))}"


def _standout(table: pd.DataFrame) -> str:
    """What stands out most, in words: the largest ratio above the average; where none is half as much, any."""
    values = table.to_numpy(dtype=float)
    distance = np.where(np.isnan(values), -1.0, np.where(values >= 0.5, values + 1, np.abs(values)))
    row, place = (int(one) for one in np.unravel_index(int(distance.argmax()), values.shape))
    value, name, what = values[row, place], short(table.index[row]), in_words(str(table.columns[place]))
    if value >= 1:
        return f"{name} stands out most: {what} {format_si(value + 1)} times the average"
    if abs(value) < 0.005:
        return "No persona stands out from the average"
    return f"{name} stands out most: {what} {abs(value) * 100:.0f} % {'above' if value > 0 else 'below'} the average"
