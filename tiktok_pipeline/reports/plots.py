"""The pictures: one style, colour-blind safe, the same colour for the same persona, titles that say the finding.

Each function takes a small frame and gives the bytes of a PNG. No pyplot: figures are objects, so nothing is global.
"""

from __future__ import annotations

import io
import textwrap
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#F0E442", "#000000")
"""Okabe and Ito's palette (2008), told apart with every common form of colour blindness."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
_DOTS_PER_INCH = 100
_LONGEST_NAME = 60


def persona_styles(names: Sequence[str], known: Sequence[str] = ()) -> dict[str, tuple[str, str]]:
    """Colour and marker of each persona: by its place in ``known`` (the study's catalogue), the others after them.

    So a persona keeps its colour from snapshot to snapshot, whichever others were found.
    """
    order = [*known, *sorted(set(names) - set(known))]
    return {name: (COLOURS[place % len(COLOURS)], MARKERS[place % len(MARKERS)]) for place, name in enumerate(order)}


def draw_k_scores(scores: pd.DataFrame, study: str) -> bytes:
    """Inertia and silhouette by k, with the elbow, the best silhouette and the study's choice marked."""
    figure = _figure(9.0, 3.8)
    inertia, silhouette = figure.subplots(1, 2)
    for axes, column, label in (
        (inertia, "inertia", "inertia (scaled units²)"),
        (silhouette, "silhouette", "silhouette"),
    ):
        axes.plot(scores["k"], scores[column].astype(float), color=COLOURS[0], marker="o")
        for k in scores.loc[scores["is_chosen"], "k"]:
            axes.axvline(float(k), color=COLOURS[4], linestyle="--", label=f"the study takes {k}")
        axes.set_xlabel("k, number of clusters")
        axes.set_ylabel(label)
        axes.set_xticks([int(k) for k in scores["k"]])
        axes.grid(alpha=0.3)
    for k in scores.loc[scores["is_elbow"], "k"]:
        inertia.axvline(float(k), color=COLOURS[2], linestyle=":", label=f"elbow at {k}")
    for k in scores.loc[scores["is_best_silhouette"], "k"]:
        silhouette.axvline(float(k), color=COLOURS[2], linestyle=":", label=f"highest at {k}")
    for axes in (inertia, silhouette):
        _legend(axes)
    reason = str(scores["reason"].iloc[0]) if len(scores) else "No k could be scored."
    figure.suptitle(textwrap.fill(f"{study}: {reason}", 110), fontsize=10, parse_math=False)
    return _png(figure)


def draw_personas(points: pd.DataFrame, names: Mapping[int, str], study: str, known: Sequence[str] = ()) -> bytes:
    """Profiles on followers and engagement (both log), coloured by persona.

    ``points`` has ``followers``, ``avg_engagement_rate`` (fraction) and ``cluster``; values of zero cannot stand on a
    log axis and are counted in the title. ``known`` are the personas of the study's catalogue, in its order.
    """
    figure = _figure(8.0, 5.0)
    axes = figure.subplots()
    shown = points[(points["followers"] > 0) & (points["avg_engagement_rate"] > 0)].dropna(subset=["cluster"])
    styles = persona_styles(list(names.values()), known)
    for cluster, rows in shown.groupby("cluster"):
        name = names[int(str(cluster).split(".", maxsplit=1)[0])]
        colour, marker = styles[name]
        axes.scatter(
            rows["followers"],
            rows["avg_engagement_rate"] * 100,
            s=16,
            alpha=0.6,
            c=colour,
            marker=marker,
            label=f"{_short(name)} ({len(rows):,})",
        )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("followers (log scale)")
    axes.set_ylabel("average engagement rate, % (log scale)")
    axes.grid(alpha=0.3)
    _legend(axes)
    hidden = len(points) - len(shown)
    left_out = f" ({hidden:,} profiles with a zero or without a segment are not drawn)" if hidden else ""
    axes.set_title(f"{study}: who they are by reach and response{left_out}", fontsize=10, parse_math=False)
    return _png(figure)


def _figure(width_inches: float, height_inches: float) -> Figure:
    from matplotlib.figure import Figure  # noqa: PLC0415 - importing it costs a second

    return Figure(figsize=(width_inches, height_inches), layout="constrained")


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"


def _legend(axes: Axes) -> None:
    """The legend, where there is something to tell; a ``$`` in a name is a ``$``, not the start of a formula."""
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        for text in axes.legend(handles, labels, fontsize=8).get_texts():
            text.set_parse_math(False)


def _png(figure: Figure) -> bytes:
    target = io.BytesIO()
    with warnings.catch_warnings():
        # A name in a script that the font lacks is drawn with boxes; the tables have it in full.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(target, format="png", dpi=_DOTS_PER_INCH, metadata={"Software": None})
    return target.getvalue()
