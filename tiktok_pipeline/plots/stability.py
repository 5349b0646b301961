"""Pictures of how many segments there are and how far to trust them: scores of k, other seeds, other draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tiktok_pipeline.personas.verdict import JACCARD_THRESHOLDS, STABLE, jaccard_verdict
from tiktok_pipeline.plots.style import (
    COLOURS,
    FAINT,
    INK,
    SMALL,
    empty_figure,
    figure,
    format_si,
    legend,
    persona_styles,
    plain_axis,
    set_title,
    short,
    style_axes,
    to_float_array,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SAME_SEGMENTS = 0.9
"""Adjusted Rand index from which two fits are called the same (Steinley 2004: excellent)."""


def plot_k_scores(scores: pd.DataFrame, study: str) -> Figure:
    """Inertia and silhouette by k, with the elbow, the best silhouette and the study's choice marked.

    ``scores`` is a slice of ``clusters.k_scores``.
    """
    if scores.empty:
        return empty_figure(f"no k could be scored for {short(study)}.")
    drawn = figure(height=3.1)
    inertia, silhouette = drawn.subplots(1, 2)
    for axes, name, words in (
        (inertia, "inertia", "inertia (scaled units²)"),
        (silhouette, "silhouette", "silhouette (-1 to 1)"),
    ):
        axes.plot(scores["k"], to_float_array(scores, name), color=COLOURS[0], marker="o", markersize=5)
        plain_axis(axes, "y")
        _k_axis(axes, scores["k"])
        style_axes(axes, "k, number of segments", words)
    marks = {
        kind: [int(k) for k in scores.loc[scores[f"is_{kind}"].astype(bool), "k"]]
        for kind in ("elbow", "best_silhouette", "chosen")
    }
    for k in marks["chosen"]:
        inertia.axvline(k, color=COLOURS[4], linestyle="--", label=f"the study takes {k}")
        silhouette.axvline(k, color=COLOURS[4], linestyle="--", label=f"the study takes {k}")
    for k in marks["elbow"]:
        inertia.axvline(k, color=COLOURS[2], linestyle=":", linewidth=2, label=f"elbow at {k}")
    for k in marks["best_silhouette"]:
        silhouette.axvline(k, color=COLOURS[2], linestyle=":", linewidth=2, label=f"highest at {k}")
    legend(inertia, loc="upper right")
    legend(silhouette, loc="best")
    found = [f"best silhouette at k = {k}" for k in marks["best_silhouette"]] + [
        f"elbow at {k}" for k in marks["elbow"]
    ]
    taken = [f"the study takes {k}" for k in marks["chosen"]]
    return set_title(drawn, f"{short(study)}: {', '.join(found + taken) or 'no k stands out'}")


def plot_stability_by_k(runs: pd.DataFrame, chosen: int) -> Figure:
    """How well each number of segments is found again in other draws of the profiles, and how small they get.

    ``runs`` is a slice of ``clusters.stability_runs``; read are measures ``worst_jaccard`` (0 to 1),
    ``smallest_cluster`` (profiles) and, for the title, ``adjusted_rand_index`` at k = ``chosen``.
    """
    worst, smallest = _measure(runs, "worst_jaccard"), _measure(runs, "smallest_cluster")
    if worst.empty and smallest.empty:
        return empty_figure("no number of segments was tried on other draws.")
    drawn = figure(height=3.1)
    left, right = drawn.subplots(1, 2)
    left.set_ylim(0, 1.03)
    for axes, rows, words in (
        (left, worst, "Jaccard of the worst segment"),
        (right, smallest, "profiles in the smallest segment"),
    ):
        axes.scatter(rows["k"], rows["value"], s=18, color=COLOURS[5], linewidths=0, label="a draw")
        means = rows.groupby("k")["value"].mean()
        axes.plot(means.index, means, color=COLOURS[0], marker="o", markersize=5, label="mean")
        _k_axis(axes, rows["k"])
        axes.axvline(chosen, color=COLOURS[4], linestyle="--", label=f"the study takes {chosen}")
        style_axes(axes, "k, number of segments", words)
    _draw_thresholds(left, "y")
    if (smallest["value"] > 0).any():
        right.set_ylim(0, float(smallest["value"].max()) * 1.1)
    plain_axis(right, "y")
    legend(right, loc="upper right")
    parts = []
    means = worst.groupby("k")["value"].mean()
    if chosen in means.index:
        parts.append(
            f"At k = {chosen} the worst segment is found again with a Jaccard of {means[chosen]:.2f} "
            f"({jaccard_verdict(means[chosen]).label})"
        )
    if len(means):
        parts.append(f"best at k = {means.idxmax()} ({means.max():.2f})")
    seeds = _measure(runs, "adjusted_rand_index")
    if len(seeds := seeds[seeds["k"] == chosen]):
        parts.append(f"other seeds agree by {seeds['value'].mean():.2f} (adjusted Rand index)")
    return set_title(drawn, "; ".join(parts) or "The smallest segment by k")


def plot_seeds(runs: pd.DataFrame) -> Figure:
    """Whether other seeds find the same segments: inertia and adjusted Rand index of each run.

    ``runs`` is a slice of ``clusters.stability_runs``; read are measures ``inertia`` (scaled units²) and
    ``adjusted_rand_index`` (1: the kept fit again).
    """
    inertia, agreement = _measure(runs, "inertia"), _measure(runs, "adjusted_rand_index")
    if inertia.empty and agreement.empty:
        return empty_figure("no other seeds were tried.")
    drawn = figure(height=2.7)
    panels = drawn.subplots(1, 2)
    words = ("inertia (scaled units²)", "adjusted Rand index")
    for axes, rows, name in zip(panels, (inertia, agreement), words, strict=True):
        axes.scatter(range(1, len(rows) + 1), rows["value"], s=26, color=COLOURS[0], linewidths=0)
        style_axes(axes, "run, each with a seed of its own", name, f"{len(rows)} seeds")
        plain_axis(axes, "x")
        plain_axis(axes, "y")
    if len(inertia):
        low, high = float(inertia["value"].min()), float(inertia["value"].max())
        middle, room = (low + high) / 2, max((high - low) * 0.6, abs(high) * 0.01, 1e-9)
        panels[0].set_ylim(middle - room, middle + room)
    if len(agreement):
        lowest = float(agreement["value"].min())
        panels[1].set_ylim(min(0.0, lowest) - 0.03, 1.04)
    parts = []
    others = int((agreement["value"] < SAME_SEGMENTS).sum())
    if len(agreement):
        under = (
            f"{others} of {len(agreement)} have an adjusted Rand index under {SAME_SEGMENTS} (lowest {lowest:.2f})"
        )
        parts.append(under if others else f"adjusted Rand index {lowest:.2f} or more")
    if len(inertia) and low > 0:
        parts.append(f"inertia differs by up to {format_si(float(f'{(high / low - 1) * 100:.2g}'))} %")
    finding = "Some seeds find other segments" if others else "Other seeds find the same segments"
    return set_title(drawn, f"{finding}: {'; '.join(parts)}" if parts else finding)


def plot_trust(stability: pd.DataFrame, names: Mapping[int, str], known: Sequence[str] = ()) -> Figure:
    """How well each segment is found again when the profiles are drawn anew, with its size and the verdict.

    ``stability`` is a slice of ``clusters.stability``; ``names`` gives the persona of a cluster, ``known`` are those of
    the study's catalogue, in its order.
    """
    if stability.empty:
        return empty_figure("the stability of the segments was not measured.")
    rows = stability.sort_values("cluster")
    called = [names.get(int(cluster), f"cluster {int(cluster)}") for cluster in rows["cluster"]]
    styles = persona_styles([*names.values(), *called], known)
    jaccard = to_float_array(rows, "jaccard")
    drawn = figure(height=1.5 + 0.36 * len(rows))
    axes = drawn.subplots()
    places = -np.arange(len(rows))
    axes.barh(places, np.nan_to_num(jaccard), color=[styles[name][0] for name in called], height=0.62)
    for place, value, profiles, verdict in zip(
        places.tolist(), jaccard, to_float_array(rows, "profiles"), rows["verdict"], strict=True
    ):
        said = "not drawn" if np.isnan(value) else f"{value:.2f}"
        size = f"{int(np.nan_to_num(profiles)):,} profile{'' if profiles == 1 else 's'}"
        # Inside the frame's right margin, so that the words never cross the marks of the bands.
        axes.text(
            1.02, place, f"{said}  {verdict}, {size}", va="center", fontsize=SMALL, color=INK, parse_math=False
        )
    axes.set_yticks(places, [short(name, 34) for name in called])
    axes.set_xlim(0, 1.0)
    axes.set_ylim(places.min() - 0.6, 0.9)
    style_axes(axes, "mean bootstrap Jaccard (1: always found again)")
    axes.grid(visible=False, axis="y")
    _draw_thresholds(axes, "x")
    weak = [
        f"{short(name, 30)} ({verdict})"
        for name, verdict in zip(called, rows["verdict"], strict=True)
        if verdict != STABLE.label
    ]
    count = len(rows) - len(weak)
    finding = f"{count} of {len(rows)} segments {STABLE.predicates[count != 1]}"
    return set_title(
        drawn, finding + (f"; not {', '.join(weak[:3])}{' and others' if len(weak) > 3 else ''}" if weak else "")
    )


def _measure(runs: pd.DataFrame, measure: str) -> pd.DataFrame:
    rows = runs[runs["measure"] == measure]
    return pd.DataFrame({"k": rows["k"].astype(int), "value": to_float_array(rows, "value")}).dropna()


def _k_axis(axes: Axes, numbers: pd.Series) -> None:
    ticks = sorted({int(k) for k in numbers})
    if ticks:
        axes.set_xticks(ticks[:: 1 + len(ticks) // 13])


def _draw_thresholds(axes: Axes, along: str) -> None:
    """Draw a faint line at each Jaccard coefficient where another verdict starts, with its label."""
    for bound, verdict in JACCARD_THRESHOLDS.items():
        if along == "y":
            axes.axhline(bound, color=FAINT, linewidth=1, linestyle=":")
            axes.text(
                0.99,
                bound + 0.01,
                f"{bound}: {verdict.label}",
                transform=axes.get_yaxis_transform(),
                fontsize=7,
                color=FAINT,
                ha="right",
            )
        else:
            axes.axvline(bound, color=FAINT, linewidth=1, linestyle=":")
            axes.text(
                bound,
                0.99,
                f" {verdict.label}",
                transform=axes.get_xaxis_transform(),
                fontsize=7,
                color=FAINT,
                va="top",
            )
