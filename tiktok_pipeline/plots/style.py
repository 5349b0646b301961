"""What all figures share: palette, markers, labels, axes and titles. It uses no pyplot, so nothing is global.

A figure is a matplotlib ``Figure``, 7.2 inches wide on a white background. Its title states the finding, and its axes
have units.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from rich.cells import cell_len

from tiktok_pipeline.features.catalog import FEATURES_BY_NAME
from tiktok_pipeline.output.number_format import format_short
from tiktok_pipeline.safe_text import one_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

COLORS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#F0E442", "#000000")
"""The palette of Okabe and Ito (2008), which people with any common color blindness can tell apart."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
INK, FAINT = "#222222", "#767676"
WIDTH = 7.2
"""Inches. Shown at 700 pixels, text of 9 points is 12 pixels high."""
MAX_POINTS = 3_000
MAX_NAME_WIDTH = 44
MAX_LEGEND_WIDTH = 60
SMALL = 8.0
"""Points of the smaller texts."""


def axis_label(feature: str) -> str:
    """Return the words for a feature on an axis, with the unit if the words leave it open."""
    return FEATURES_BY_NAME[feature].axis_label if feature in FEATURES_BY_NAME else _spaced(feature)


def short_label(feature: str) -> str:
    """Return the words for a feature in the title of a figure, without the unit."""
    return FEATURES_BY_NAME[feature].short_label if feature in FEATURES_BY_NAME else _spaced(feature)


def study_label(study: str) -> str:
    """Return the name of a study at the start of a title."""
    return capitalized(shorten(study.replace("_", " ")))


def _spaced(feature: str) -> str:
    return shorten(feature.replace("_", " ").strip() or "(no name)", 32)


def capitalized(text: str) -> str:
    """Return the text with its first letter as a capital and the others as they are."""
    return text[:1].upper() + text[1:]


def persona_styles(names: Iterable[str], known: Sequence[str] = ()) -> dict[str, tuple[str, str]]:
    """Return the color and the marker of each persona.

    A persona keeps its color from snapshot to snapshot, whichever other personas occur. From the ninth persona on,
    colors repeat with other markers.

    Parameters
    ----------
    names : iterable of str
        The personas to draw.
    known : sequence of str
        The personas of the study's catalog. Their place in it gives their style; all other names follow in
        alphabetical order.
    """
    order = [*known, *sorted(set(names) - set(known))]
    count = len(COLORS)
    return {
        name: (COLORS[place % count], MARKERS[(place + place // count) % count]) for place, name in enumerate(order)
    }


def shorten(text: object, max_width: int = MAX_NAME_WIDTH) -> str:
    """Return the text on one line, cut to a width in letters; Chinese, Japanese and Korean ones count twice."""
    shortened = one_line(str(text)) or "(no name)"
    if cell_len(shortened) <= max_width:
        return shortened
    while cell_len(shortened) >= max_width:
        shortened = shortened[:-1]
    return f"{shortened.rstrip()}…"


def wrap(text: str, max_width: int) -> str:
    """Return the text in lines of at most ``max_width`` letters; longer words are cut."""
    lines = [""]
    for word in (shorten(word, max_width) for word in one_line(text).split()):
        longer = f"{lines[-1]} {word}".strip()
        if cell_len(longer) <= max_width:
            lines[-1] = longer
        else:
            lines.append(word)
    return "\n".join(lines)


def new_figure(width: float = WIDTH, height: float = 3.6) -> Figure:
    """Return an empty figure of this size in inches; its layout is computed once, when it is rendered."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - importing it costs half a second

    return Figure(figsize=(width, height), layout="constrained", facecolor="white")


def set_title(figure: Figure, title: str) -> Figure:
    """Set the title of a figure, which is also its text for screen readers, and return the figure."""
    figure.set_label(one_line(title))
    letters = int(figure.get_figwidth() * 72 / 6.5)
    figure.suptitle(
        wrap(title, letters), x=0.012, ha="left", fontsize=10.5, weight="bold", color=INK, parse_math=False
    )
    return figure


def empty_figure(reason: str) -> Figure:
    """Return a figure that says that there is nothing to show, and why."""
    figure = new_figure(height=1.4)
    figure.set_layout_engine(None)  # it warns about a figure without axes
    figure.text(0.012, 0.3, "The figure appears as soon as a snapshot has the rows for it.", color=FAINT, fontsize=9)
    return set_title(figure, f"Nothing to show: {reason}")


def style_axes(axes: Axes, x: str = "", y: str = "", heading: str = "") -> None:
    """Set axis labels, a heading and a faint grid behind the data; remove the frame at the top and on the right."""
    axes.set_xlabel(x, fontsize=9, parse_math=False)
    axes.set_ylabel(y, fontsize=9, parse_math=False)
    # Without a height, matplotlib measures all ticks again and again to find one.
    axes.set_title(heading, fontsize=9, loc="left", y=1.0, color=INK, parse_math=False)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=SMALL, color=FAINT)
    axes.grid(visible=True, color="#E4E4E4", linewidth=0.6)
    axes.set_axisbelow(True)


def log_axis(axes: Axes, which: str, max_ticks: int = 8) -> None:
    """Set a log scale on axis ``x`` or ``y`` with ticks such as 10, 1,000 and 1,000,000; call it after drawing."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator  # noqa: PLC0415

    (axes.set_xscale if which == "x" else axes.set_yscale)("log")
    axis = axes.xaxis if which == "x" else axes.yaxis
    low, high = sorted(axis.get_view_interval())
    decades = float(np.log10(high / low)) if low > 0 else 9.0
    subs = (1.0,) if decades > 2.5 else (1.0, 2.0, 5.0) if decades > 0.7 else tuple(np.arange(1.0, 10.0, 0.5))
    axis.set_major_locator(LogLocator(subs=subs, numticks=max_ticks))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(_format_tick))
    axis.set_minor_formatter(NullFormatter())


def linear_axis(axes: Axes, which: str, max_ticks: int = 6) -> None:
    """Set a linear axis with ticks such as 10,000 and 1,000,000."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator  # noqa: PLC0415

    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_locator(MaxNLocator(max_ticks))
    axis.set_major_formatter(FuncFormatter(_format_tick))


def _format_tick(value: float, _: object = None) -> str:
    return format_short(value)


def legend(axes: Axes, loc: Literal["best", "upper left", "upper right"], handlelength: float = 2.0) -> None:
    """Add a legend inside the axes if any artist has a label; a ``$`` in it does not start a formula."""
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        texts = [shorten(text, MAX_LEGEND_WIDTH) for text in labels]
        box = axes.legend(handles, texts, loc=loc, fontsize=SMALL, framealpha=0.85, handlelength=handlelength)
        box.get_frame().set_edgecolor("none")


def legend_below(figure: Figure, axes: Axes) -> None:
    """Add a legend below the axes, in as many columns as its texts allow; the figure grows by its height."""
    handles, labels = axes.get_legend_handles_labels()
    if not handles:
        return
    texts = [shorten(text, MAX_LEGEND_WIDTH) for text in labels]
    fitting = int(figure.get_figwidth() * 72 / ((max(map(cell_len, texts)) + 6) * 5.2))
    columns = max(1, min(4, len(texts), fitting))
    figure.set_figheight(figure.get_figheight() + 0.1 + 0.185 * -(-len(texts) // columns))
    figure.legend(
        handles, texts, loc="outside lower left", ncols=columns, fontsize=SMALL, frameon=False, markerscale=1.4
    )


def to_float_array(frame: pd.DataFrame, name: str) -> np.ndarray:
    """Return a column as floats; missing and infinite values are NaN, and so is a column that does not exist."""
    if name not in frame.columns:
        return np.full(len(frame), np.nan)
    values: np.ndarray = pd.to_numeric(frame[name], errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    return np.where(np.isfinite(values), values, np.nan)


def thin_points(frame: pd.DataFrame, max_points: int = MAX_POINTS) -> pd.DataFrame:
    """Return at most ``max_points`` rows at even distances, with the first and the last; always the same ones."""
    if len(frame) <= max_points:
        return frame
    return frame.iloc[np.linspace(0, len(frame) - 1, max_points).astype(int)]


def diverging_cmap() -> Colormap:
    """Return a color map from vermilion (below zero) over white (zero) to blue (above zero)."""
    from matplotlib.colors import LinearSegmentedColormap  # noqa: PLC0415

    return LinearSegmentedColormap.from_list("diverging", [COLORS[4], "#FFFFFF", COLORS[0]])


def sequential_cmap() -> Colormap:
    """Return a color map from white (none) to blue (all)."""
    from matplotlib.colors import LinearSegmentedColormap  # noqa: PLC0415

    return LinearSegmentedColormap.from_list("sequential", ["#FFFFFF", COLORS[0]])


def heat_map(
    axes: Axes, values: np.ndarray, cmap: Colormap, limits: tuple[float, float], texts: list[list[str]] | None
) -> None:
    """Draw a matrix as an image of one pixel per cell, with texts in the cells.

    Parameters
    ----------
    axes : Axes
        The axes to draw in.
    values : ndarray of shape (n_rows, n_columns)
        The values; NaN is gray.
    cmap : Colormap
        Applied from the lower to the upper limit.
    limits : tuple of float
        The values of the first and the last color.
    texts : list of list of str, optional
        A text per cell, white on dark cells.
    """
    cell_colors = cmap.with_extremes(bad="#DDDDDD")
    # 'none' embeds the pixels in an SVG as they are; any other interpolation enlarges them first.
    axes.imshow(values, cmap=cell_colors, vmin=limits[0], vmax=limits[1], interpolation="none", aspect="auto")
    axes.tick_params(length=0, labelsize=SMALL)
    axes.spines[:].set_visible(False)
    for row, row_texts in enumerate(texts or []):
        for column, text in enumerate(row_texts):
            share = (np.clip(values[row, column], *limits) - limits[0]) / (limits[1] - limits[0])
            red, green, blue, _ = cell_colors(share)
            is_dark = np.isfinite(share) and 0.3 * red + 0.59 * green + 0.11 * blue < 0.55
            color = "white" if is_dark else INK
            axes.text(column, row, text, ha="center", va="center", fontsize=7.5, color=color, parse_math=False)
