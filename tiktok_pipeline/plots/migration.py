"""Plots how creators went from segment to segment between two snapshots, as an alluvial diagram."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from tiktok_pipeline.personas.verdict import NOT_ENOUGH_DATA
from tiktok_pipeline.plots.style import INK, empty_figure, new_figure, persona_styles, set_title, shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    Span = tuple[float, float]

ARRIVED, LEFT = "new in this snapshot", "no longer delivered"
_GAP = 0.02
_STAYED = "#C9C9C9"


def plot_migration(migrations: pd.DataFrame, known: Sequence[str] = ()) -> Figure:
    """Plot the creators of each segment before and now, and the flows between them.

    Parameters
    ----------
    migrations : DataFrame
        Rows of ``personas.migrations``.
    known : sequence of str
        The personas of the study's catalog, which give the colors.

    Returns
    -------
    Figure
        Gray: creators that stayed. Colored: the creators moved. Hatched: the model moved.
    """
    flows = _flows(migrations)
    if not flows:
        return empty_figure("no creator is in one of the two snapshots.")
    figure = new_figure(height=4.2)
    axes = figure.subplots()
    axes.set_axis_off()
    axes.set_xlim(-0.62, 1.62)
    axes.set_ylim(-0.02, 1.02)
    styles = persona_styles([name for before, now, *_ in flows for name in (before, now)], known)
    unit = _scale(flows) / sum(flow[2] for flow in flows)
    lefts = _blocks(axes, [(before, size) for before, _, size, *_ in flows], styles, x=0.0, unit=unit)
    rights = _blocks(axes, [(now, size) for _, now, size, *_ in flows], styles, x=1.0, unit=unit)
    for before, now, size, creator_moved, model_moved in flows:
        height = size * unit
        start, lefts[before] = lefts[before], lefts[before] - height
        end, rights[now] = rights[now], rights[now] - height
        moved = before != now and (creator_moved or model_moved)  # who moved there and back, stayed
        is_model = moved and model_moved > creator_moved
        color = styles[before][0] if moved else _STAYED
        _ribbon(axes, (start, start - height), (end, end - height), color, hatch="////" if is_model else None)
    return set_title(figure, _title(migrations))


def _flows(migrations: pd.DataFrame) -> list[tuple[str, str, int, int, int]]:
    """Return (before, now, creators, creator moved, model moved) in the order of the names."""
    rows = migrations.assign(
        before=migrations["persona_before"].fillna(ARRIVED), now=migrations["persona"].fillna(LEFT)
    ).sort_values(["before", "now"])
    columns = ["before", "now", "creators", "creator_moved", "model_moved"]
    return [
        (str(before), str(now), int(size), int(creator), int(model))
        for before, now, size, creator, model in rows[columns].itertuples(index=False)
        if size
    ]


def _scale(flows: Sequence[tuple[str, str, int, int, int]]) -> float:
    """Return the part of the height that is not gaps; both sides have the same scale."""
    blocks = max(len({flow[0] for flow in flows}), len({flow[1] for flow in flows}))
    return 1.0 - _GAP * (blocks - 1)


def _blocks(
    axes: Axes, sizes: Sequence[tuple[str, int]], styles: dict[str, tuple[str, str]], *, x: float, unit: float
) -> dict[str, float]:
    """Draw the segments of one side with their names and sizes; return the top of each."""
    from matplotlib.patches import Rectangle  # noqa: PLC0415 - importing it costs half a second

    totals: dict[str, int] = {}
    for name, size in sizes:
        totals[name] = totals.get(name, 0) + size
    names = sorted(totals, key=lambda name: (name in {ARRIVED, LEFT}, name))
    tops, top = {}, 1.0
    for name in names:
        height = totals[name] * unit
        color = "#FFFFFF" if name in {ARRIVED, LEFT} else styles[name][0]
        axes.add_patch(
            Rectangle((x - 0.03, top - height), 0.06, height, facecolor=color, edgecolor=INK, linewidth=0.5)
        )
        side, align = (x - 0.05, "right") if x == 0.0 else (x + 0.05, "left")
        label = f"{shorten(name, 24)} {totals[name]:,}"
        axes.text(side, top - height / 2, label, ha=align, va="center", fontsize=8, color=INK, parse_math=False)
        tops[name] = top
        top -= height + _GAP
    return tops


def _ribbon(axes: Axes, left: Span, right: Span, color: str, *, hatch: str | None) -> None:
    from matplotlib.patches import PathPatch  # noqa: PLC0415
    from matplotlib.path import Path  # noqa: PLC0415

    (top, bottom), (end_top, end_bottom) = left, right
    vertices = [
        (0.03, top),
        (0.5, top),
        (0.5, end_top),
        (0.97, end_top),
        (0.97, end_bottom),
        (0.5, end_bottom),
        (0.5, bottom),
        (0.03, bottom),
        (0.03, top),
    ]
    curve = [Path.CURVE4] * 3
    codes = [Path.MOVETO, *curve, Path.LINETO, *curve, Path.CLOSEPOLY]
    axes.add_patch(PathPatch(Path(vertices, codes), facecolor=color, alpha=0.6, linewidth=0, hatch=hatch))


def _title(migrations: pd.DataFrame) -> str:
    has_segments = (migrations[["persona_before", "persona"]] != NOT_ENOUGH_DATA).all(axis=1)
    both = migrations[(migrations["kind"] == "both") & has_segments]
    creators = int(both["creators"].sum())
    if not creators:
        return "No creator has a segment in both snapshots"
    moved, model = int(both["creator_moved"].sum()), int(both["model_moved"].sum())
    return (
        f"Of {creators:,} creators with a segment in both snapshots, {moved:,} moved to another (colored); "
        f"the model moved {model:,} (hatched)"
    )
