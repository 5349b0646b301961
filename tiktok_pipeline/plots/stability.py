"""Figures of the number of segments and of their stability: scores by k, other seeds, other samples."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tiktok_pipeline.output.number_format import format_count, format_short
from tiktok_pipeline.personas.verdict import JACCARD_THRESHOLDS, STABLE, STANDARD_ERRORS
from tiktok_pipeline.plots.style import (
    COLORS,
    FAINT,
    INK,
    SMALL,
    empty_figure,
    legend,
    linear_axis,
    new_figure,
    persona_styles,
    set_title,
    shorten,
    study_label,
    style_axes,
    to_float_array,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SAME_SEGMENTS = 0.9
"""Adjusted Rand index from which two fits count as the same segments (Steinley 2004: excellent)."""

_K_LABEL = "number of segments (k)"


def plot_k_scores(scores: pd.DataFrame, study: str) -> Figure:
    """Plot inertia and silhouette by k, and mark the elbow, the highest silhouette and the study's choice.

    Parameters
    ----------
    scores : DataFrame
        A slice of ``clusters.k_scores``.
    study : str
        The name of the study.
    """
    if scores.empty:
        return empty_figure(f"no number of segments was scored for {shorten(study)}.")
    figure = new_figure(height=3.1)
    inertia, silhouette = figure.subplots(1, 2)
    for axes, name, label in (
        (inertia, "inertia", "inertia (scaled units²)"),
        (silhouette, "silhouette", "silhouette (\u22121 to 1)"),
    ):
        axes.plot(scores["k"], to_float_array(scores, name), color=COLORS[0], marker="o", markersize=5)
        linear_axis(axes, "y")
        _k_axis(axes, scores["k"])
        style_axes(axes, _K_LABEL, label)
    marked = {
        name: [int(k) for k in scores.loc[scores[f"is_{name}"].astype(bool), "k"]]
        for name in ("elbow", "best_silhouette", "chosen")
    }
    for k in marked["chosen"]:
        inertia.axvline(k, color=COLORS[4], linestyle="--", label=f"the study uses {k}")
        silhouette.axvline(k, color=COLORS[4], linestyle="--", label=f"the study uses {k}")
    for k in marked["elbow"]:
        inertia.axvline(k, color=COLORS[2], linestyle=":", linewidth=2, label=f"elbow at {k}")
    for k in marked["best_silhouette"]:
        silhouette.axvline(k, color=COLORS[2], linestyle=":", linewidth=2, label=f"highest at {k}")
    legend(inertia, loc="upper right")
    legend(silhouette, loc="best")
    parts = [
        *(f"highest silhouette at k = {k}" for k in marked["best_silhouette"]),
        *(f"elbow at {k}" for k in marked["elbow"]),
        *(f"the study uses {k}" for k in marked["chosen"]),
    ]
    return set_title(figure, f"{study_label(study)}: {', '.join(parts) or 'no k is marked'}")


def plot_stability_by_k(runs: pd.DataFrame, chosen: int) -> Figure:
    """Plot for each number of segments how reliably other samples give the worst one, and the smallest size.

    Parameters
    ----------
    runs : DataFrame
        A slice of ``clusters.stability_runs`` with the measures ``worst_jaccard`` (0 to 1), ``smallest_cluster``
        (profiles).
    chosen : int
        The study's number of segments.
    """
    worst, smallest = _measure(runs, "worst_jaccard"), _measure(runs, "smallest_cluster")
    if worst.empty and smallest.empty:
        return empty_figure("no number of segments was tried on other samples.")
    figure = new_figure(height=3.1)
    left, right = figure.subplots(1, 2)
    left.set_ylim(0, 1.03)
    for axes, rows, label in (
        (left, worst, "Jaccard of the least stable segment"),
        (right, smallest, "profiles in the smallest segment"),
    ):
        axes.scatter(rows["k"], rows["value"], s=18, color=COLORS[5], linewidths=0, label="one sample")
        means = rows.groupby("k")["value"].mean()
        axes.plot(means.index, means, color=COLORS[0], marker="o", markersize=5, label="mean")
        _k_axis(axes, rows["k"])
        axes.axvline(chosen, color=COLORS[4], linestyle="--", label=f"the study uses {chosen}")
        style_axes(axes, _K_LABEL, label)
    _draw_thresholds(left, "y")
    if (smallest["value"] > 0).any():
        right.set_ylim(0, float(smallest["value"].max()) * 1.1)
    linear_axis(right, "y")
    legend(right, loc="upper right")
    return set_title(figure, _stability_title(worst, chosen))


def _stability_title(worst: pd.DataFrame, chosen: int) -> str:
    parts = []
    means = worst.groupby("k")["value"].mean()
    if chosen in means.index:
        parts.append(f"At k = {chosen} the least stable segment has a Jaccard of {means[chosen]:.2f}")
    if len(means):
        parts.append(f"highest at k = {means.idxmax()} ({means.max():.2f})")
    return "; ".join(parts) or "Size of the smallest segment by number of segments"


def plot_seeds(runs: pd.DataFrame) -> Figure:
    """Plot whether other seeds give the same segments: inertia and adjusted Rand index of each run.

    Parameters
    ----------
    runs : DataFrame
        A slice of ``clusters.stability_runs`` with the measures ``inertia`` (scaled units²) and
        ``single_start_rand_index`` (1: identical to the kept fit).
    """
    inertia, agreement = _measure(runs, "inertia"), _measure(runs, "single_start_rand_index")
    if inertia.empty and agreement.empty:
        return empty_figure("no other seeds were tried.")
    figure = new_figure(height=2.7)
    panels = figure.subplots(1, 2)
    labels = ("inertia (scaled units²)", "adjusted Rand index of one start")
    for axes, rows, label in zip(panels, (inertia, agreement), labels, strict=True):
        axes.scatter(range(1, len(rows) + 1), rows["value"], s=26, color=COLORS[0], linewidths=0)
        style_axes(axes, "run (one seed each)", label, f"{len(rows)} seeds")
        linear_axis(axes, "x")
        linear_axis(axes, "y")
    if len(inertia):
        low, high = float(inertia["value"].min()), float(inertia["value"].max())
        middle, reach = (low + high) / 2, max((high - low) * 0.6, abs(high) * 0.01, 1e-9)
        panels[0].set_ylim(middle - reach, middle + reach)
    if len(agreement):
        panels[1].set_ylim(min(0.0, float(agreement["value"].min())) - 0.03, 1.04)
    return set_title(figure, _seeds_title(inertia["value"], agreement["value"]))


def _seeds_title(inertia: pd.Series, agreement: pd.Series) -> str:
    parts = [seeds_finding(agreement)] if len(agreement) else []
    if len(inertia) and inertia.min() > 0:
        spread = float(f"{(inertia.max() / inertia.min() - 1) * 100:.2g}")
        parts.append(f"inertia with the study's starts differs by up to {format_short(spread)}%")
    return "; ".join(parts)


def seeds_finding(agreement: pd.Series) -> str:
    """Return whether single k-means++ starts with other seeds find the kept segments.

    The segments are the same from an adjusted Rand index of `SAME_SEGMENTS`. The lowest index is rounded down.

    Parameters
    ----------
    agreement : Series
        The adjusted Rand index of each single start with the kept fit; at least one.

    Examples
    --------
    >>> seeds_finding(pd.Series([1.0, 0.999]))
    'Other seeds find the same segments, each with one start: adjusted Rand index at least 0.99'
    >>> seeds_finding(pd.Series([1.0, 0.5]))
    'Some seeds find other segments with one start: 1 of 2 has an adjusted Rand index below 0.9 (lowest 0.50)'
    """
    others, lowest = int((agreement < SAME_SEGMENTS).sum()), float(agreement.min())
    if others:
        have = "has" if others == 1 else "have"
        return (
            f"Some seeds find other segments with one start: {others} of {len(agreement)} {have} an adjusted Rand "
            f"index below {SAME_SEGMENTS} (lowest {math.floor(lowest * 100) / 100:.2f})"
        )
    is_same = lowest >= 1.0 - 1e-9
    reached = "1 for each" if is_same else f"at least {math.floor(lowest * 100) / 100:.2f}"
    return f"Other seeds find the same segments, each with one start: adjusted Rand index {reached}"


def plot_trust(stability: pd.DataFrame, names: Mapping[int, str], known: Sequence[str] = ()) -> Figure:
    """Plot how reliably other samples give each segment, with its size and its verdict.

    Parameters
    ----------
    stability : DataFrame
        A slice of ``clusters.stability`` with the ``verdict`` of each segment.
    names : mapping of int to str
        The persona of each cluster.
    known : sequence of str
        The personas of the study's catalog, in its order.
    """
    if stability.empty:
        return empty_figure("the stability of the segments was not measured.")
    rows = stability.sort_values("cluster")
    personas = [names.get(int(cluster), f"cluster {int(cluster)}") for cluster in rows["cluster"]]
    styles = persona_styles([*names.values(), *personas], known)
    jaccard = to_float_array(rows, "jaccard")
    figure = new_figure(height=1.5 + 0.36 * len(rows))
    axes = figure.subplots()
    places = -np.arange(len(rows))
    axes.barh(places, np.nan_to_num(jaccard), color=[styles[name][0] for name in personas], height=0.62)
    reach = STANDARD_ERRORS * np.nan_to_num(to_float_array(rows, "standard_error"))
    axes.errorbar(np.nan_to_num(jaccard), places, xerr=reach, fmt="none", ecolor=INK, elinewidth=1, capsize=2)
    for place, value, profiles, verdict in zip(
        places.tolist(), jaccard, to_float_array(rows, "profiles"), rows["verdict"], strict=True
    ):
        measured = "not measured" if np.isnan(value) else f"{value:.2f}"
        size = f"{format_count(np.nan_to_num(profiles))} profile{'' if profiles == 1 else 's'}"
        # In the right margin of the axes, so that the text never crosses the lines of the thresholds.
        axes.text(
            1.02, place, f"{measured}  {verdict}, {size}", va="center", fontsize=SMALL, color=INK, parse_math=False
        )
    axes.set_yticks(places, [shorten(name, 34) for name in personas])
    axes.set_xlim(0, 1.0)
    axes.set_ylim(places.min() - 0.6, 0.9)
    style_axes(axes, "mean bootstrap Jaccard (1: always the same segment)")
    axes.grid(visible=False, axis="y")
    _draw_thresholds(axes, "x")
    weak = [
        f"{shorten(name, 30)} ({verdict})"
        for name, verdict in zip(personas, rows["verdict"], strict=True)
        if verdict != STABLE.label
    ]
    count = len(rows) - len(weak)
    title = f"{count} of {len(rows)} segments {STABLE.predicates[count != 1]}"
    others = f"; not {', '.join(weak[:3])}{' and others' if len(weak) > 3 else ''}" if weak else ""
    return set_title(figure, f"{title}{others}")


def _measure(runs: pd.DataFrame, measure: str) -> pd.DataFrame:
    rows = runs[runs["measure"] == measure]
    return pd.DataFrame({"k": rows["k"].astype(int), "value": to_float_array(rows, "value")}).dropna()


def _k_axis(axes: Axes, numbers: pd.Series) -> None:
    ticks = sorted({int(k) for k in numbers})
    if ticks:
        axes.set_xticks(ticks[:: 1 + len(ticks) // 13])


def _draw_thresholds(axes: Axes, along: str) -> None:
    """Draw a faint line at each Jaccard coefficient where another verdict starts, with its label."""
    style: dict[str, Any] = {"fontsize": 7, "color": FAINT}
    for bound, verdict in JACCARD_THRESHOLDS.items():
        if along == "y":
            axes.axhline(bound, color=FAINT, linewidth=1, linestyle=":")
            label, across = f"{bound}: {verdict.label}", axes.get_yaxis_transform()
            axes.text(0.99, bound + 0.01, label, transform=across, ha="right", **style)
        else:
            axes.axvline(bound, color=FAINT, linewidth=1, linestyle=":")
            axes.text(bound, 0.99, f" {verdict.label}", transform=axes.get_xaxis_transform(), va="top", **style)
