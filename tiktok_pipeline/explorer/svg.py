"""Small pictures as SVG made on the server: a line over snapshots, a bar of a percentile, flows between segments.

Colors come from classes of the style sheet, so that dark mode turns them too. Every picture has a text beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from tiktok_pipeline.output.number_format import format_count, format_si


def line_chart(points: Sequence[tuple[str, float]], *, label: str, width: int = 360, height: int = 96) -> Markup:
    """Return a line through values over snapshots, with the first and the last value written.

    Parameters
    ----------
    points : sequence of (str, float)
        Snapshot and value, oldest first.
    label : str
        What is drawn, for screen readers.
    """
    if len(points) < 2:
        return Markup("")
    values = [value for _, value in points]
    low, high = min(values), max(values)
    span = (high - low) or 1.0
    left, right, top, bottom = 8, width - 8, 22, height - 22
    xs = [left + (right - left) * number / (len(points) - 1) for number in range(len(points))]
    ys = [bottom - (bottom - top) * (value - low) / span for value in values]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(xs, ys, strict=True))
    dots = Markup("").join(
        Markup('<circle class="dot" cx="{:.1f}" cy="{:.1f}" r="3"><title>{}: {}</title></circle>').format(
            x, y, snapshot, format_si(value)
        )
        for x, y, (snapshot, value) in zip(xs, ys, points, strict=True)
    )
    return Markup(
        '<svg class="chart" role="img" aria-label="{label}" viewBox="0 0 {width} {height}" width="{width}" '
        'height="{height}"><polyline class="line" points="{path}"/>{dots}'
        '<text x="{left}" y="14">{first}</text><text x="{right}" y="14" text-anchor="end">{last}</text>'
        '<text class="muted" x="{left}" y="{foot}">{start}</text>'
        '<text class="muted" x="{right}" y="{foot}" text-anchor="end">{end}</text></svg>'
    ).format(
        label=f"{label}: {format_si(values[0])} in {points[0][0]}, {format_si(values[-1])} in {points[-1][0]}",
        width=width,
        height=height,
        path=path,
        dots=dots,
        left=left,
        right=right,
        foot=height - 4,
        first=format_si(values[0]),
        last=format_si(values[-1]),
        start=points[0][0],
        end=points[-1][0],
    )


def percentile_bar(percentile: float, *, label: str) -> Markup:
    """Return a bar from 0 to 100 with a mark at the percentile and a tick at the middle."""
    x = 4 + 152 * percentile
    return Markup(
        '<svg class="chart" role="img" aria-label="{}" viewBox="0 0 160 16" width="160" height="16">'
        '<rect class="track" x="4" y="6" width="152" height="4" rx="2"/>'
        '<line class="tick" x1="80" x2="80" y1="3" y2="13"/><circle class="dot" cx="{:.1f}" cy="8" r="5"/></svg>'
    ).format(label, x)


@dataclass(frozen=True)
class Flow:
    """Creators that went from one segment to another, and how many of them moved by their own figures."""

    before: str
    after: str
    creators: int
    moved: int = 0


def flow_chart(flows: Sequence[Flow], *, width: int = 640, height: int = 360) -> Markup:
    """Return the flows between the segments of two snapshots, each as a band as thick as its creators."""
    total = sum(flow.creators for flow in flows)
    if not total:
        return Markup("")
    befores = sorted({flow.before for flow in flows})
    afters = sorted({flow.after for flow in flows})
    order = {name: number % 8 for number, name in enumerate(sorted({*befores, *afters}))}
    gap, top = 14, 8
    scale = (height - 2 * top - gap * max(len(befores), len(afters))) / total
    starts = _stacked(befores, {name: sum(f.creators for f in flows if f.before == name) for name in befores}, scale)
    ends = _stacked(afters, {name: sum(f.creators for f in flows if f.after == name) for name in afters}, scale)
    x0, x1, middle = 170, width - 170, width / 2
    parts = []
    used_left, used_right = dict(starts), dict(ends)
    for flow in sorted(flows, key=lambda flow: (flow.before, flow.after)):
        thick = max(flow.creators * scale, 0.6)
        y0, y1 = used_left[flow.before] + thick / 2, used_right[flow.after] + thick / 2
        used_left[flow.before] += flow.creators * scale
        used_right[flow.after] += flow.creators * scale
        parts.append(
            Markup(
                '<path class="flow flow-{}" stroke-width="{:.1f}" d="M{} {:.1f} C{} {:.1f} {} {:.1f} {} {:.1f}">'
                "<title>{} to {}: {} creators</title></path>"
            ).format(
                order[flow.before],
                thick,
                *(x0, y0, middle, y0, middle, y1, x1, y1),
                *(flow.before, flow.after, format_count(flow.creators)),
            )
        )
    parts += [_side_text(name, starts[name], x0 - 8, "end") for name in befores]
    parts += [_side_text(name, ends[name], x1 + 8, "start") for name in afters]
    return Markup(
        '<svg class="chart wide" role="img" aria-label="Creators between segments; the table below has the figures" '
        'viewBox="0 0 {0} {1}" width="{0}" height="{1}">{2}</svg>'
    ).format(width, height, Markup("").join(parts))


def _stacked(names: Sequence[str], sizes: dict[str, int], scale: float) -> dict[str, float]:
    """Return the upper edge of each block, one below the other."""
    edges, y = {}, 8.0
    for name in names:
        edges[name] = y
        y += sizes[name] * scale + 14
    return edges


def _side_text(name: str, y: float, x: float, anchor: str) -> Markup:
    shown = name if len(name) <= 24 else f"{name[:23]}…"
    return Markup('<text x="{}" y="{:.1f}" text-anchor="{}">{}</text>').format(x, y + 12, anchor, escape(shown))
