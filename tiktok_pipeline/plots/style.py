"""What all pictures share: palette, markers, words, axes, titles; no pyplot, so nothing is global.

A picture is a matplotlib ``Figure``: a title that says the finding, axes with units, white ground, 7.2 inches wide.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from tiktok_pipeline.features.catalogue import FEATURES_BY_NAME

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#F0E442", "#000000")
"""Okabe and Ito's palette (2008), told apart with every common form of colour blindness."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
INK, FAINT = "#222222", "#767676"
WIDTH = 7.2
"""Inches; at 700 px a line of 9 points is 12 px high."""
MOST_POINTS = 3_000
LONGEST_NAME = 44
SMALL = 8.0

def label(feature: str) -> str:
    """Return the words for a feature on an axis, with the unit if the words leave it open."""
    return FEATURES_BY_NAME[feature].axis_label if feature in FEATURES_BY_NAME else _plain_words(feature)


def in_words(feature: str) -> str:
    """Return the words for a feature in the title of a plot, without the unit."""
    return FEATURES_BY_NAME[feature].short_label if feature in FEATURES_BY_NAME else _plain_words(feature)


def _plain_words(feature: str) -> str:
    return short(feature.replace("_", " ").strip() or "(no name)", 32)


def persona_styles(names: Iterable[str], known: Sequence[str] = ()) -> dict[str, tuple[str, str]]:
    """Colour and marker of each persona: by its place in ``known`` (the study's catalogue), the others after them.

    So a persona keeps its colour from snapshot to snapshot, whichever others were found. From the ninth on the colours
    come again with other markers.
    """
    order = [*known, *sorted(set(names) - set(known))]
    count = len(COLOURS)
    return {
        name: (COLOURS[place % count], MARKERS[(place + place // count) % count]) for place, name in enumerate(order)
    }


def readable(text: object) -> str:
    """The text without what no picture can hold: control characters, half characters, marks that turn the direction."""
    cleaned = (" " if letter.isspace() else letter for letter in str(text))
    return "".join(letter for letter in cleaned if unicodedata.category(letter) not in ("Cc", "Cf", "Cs", "Cn", "Co"))


def _letters_wide(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def short(text: object, longest: int = LONGEST_NAME) -> str:
    """The text cut to ``longest`` letters; Chinese, Japanese and Korean ones are twice as wide."""
    kept = " ".join(readable(text).split()) or "(no name)"
    if _letters_wide(kept) <= longest:
        return kept
    while _letters_wide(kept) >= longest:
        kept = kept[:-1]
    return f"{kept.rstrip()}…"


def wrap(text: str, longest: int) -> str:
    """The text in lines of at most ``longest`` letters; words longer than that are cut."""
    lines = [""]
    for word in (short(word, longest) for word in readable(text).split()):
        longer = f"{lines[-1]} {word}".strip()
        if _letters_wide(longer) <= longest:
            lines[-1] = longer
        else:
            lines.append(word)
    return "\n".join(lines)


def figure(width: float = WIDTH, height: float = 3.6) -> Figure:
    """An empty figure of this size in inches; its parts are laid out once, when it is rendered."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - importing it costs half a second

    return Figure(figsize=(width, height), layout="constrained", facecolor="white")


def set_title(target: Figure, finding: str) -> Figure:
    """The figure with its title, which is also what a screen reader says; returns the same figure."""
    target.set_label(" ".join(readable(finding).split()))
    letters = int(target.get_figwidth() * 72 / 6.5)
    target.suptitle(
        wrap(finding, letters), x=0.012, ha="left", fontsize=10.5, weight="bold", color=INK, parse_math=False
    )
    return target


def empty_figure(why: str) -> Figure:
    """A figure that says that there is nothing to show, and why."""
    empty = figure(height=1.4)
    empty.set_layout_engine(None)  # it warns where there are no axes
    empty.text(
        0.012, 0.3, "The picture comes back as soon as a snapshot has the rows for it.", color=FAINT, fontsize=9
    )
    return set_title(empty, f"Nothing to show: {why}")


def style_axes(axes: Axes, x: str = "", y: str = "", heading: str = "") -> None:
    """Axis labels, a heading and a faint grid behind the data; no frame at the top and on the right."""
    axes.set_xlabel(x, fontsize=9, parse_math=False)
    axes.set_ylabel(y, fontsize=9, parse_math=False)
    # With a height given, matplotlib does not measure all ticks again and again to find one.
    axes.set_title(heading, fontsize=9, loc="left", y=1.0, color=INK, parse_math=False)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=SMALL, color=FAINT)
    axes.grid(visible=True, color="#E4E4E4", linewidth=0.6)
    axes.set_axisbelow(True)


def format_si(value: float, _: object = None) -> str:
    """A number in few letters: 0.05, 12, 3.4k, 12M."""
    size = abs(value)
    for bound, letter in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if size >= bound * 0.9995:
            return f"{value / bound:.3g}{letter}" if size < bound * 999.5 else f"{value / bound:.0f}{letter}"
    return f"{value:.3g}"


def log_axis(axes: Axes, which: str, most_ticks: int = 8) -> None:
    """A log scale on axis ``x`` or ``y``, its ticks written as 10, 1k, 1M; to be called after the drawing."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator  # noqa: PLC0415

    (axes.set_xscale if which == "x" else axes.set_yscale)("log")
    axis = axes.xaxis if which == "x" else axes.yaxis
    low, high = sorted(axis.get_view_interval())
    decades = float(np.log10(high / low)) if low > 0 else 9.0
    subs = (1.0,) if decades > 2.5 else (1.0, 2.0, 5.0) if decades > 0.7 else tuple(np.arange(1.0, 10.0, 0.5))
    axis.set_major_locator(LogLocator(subs=subs, numticks=most_ticks))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(format_si))
    axis.set_minor_formatter(NullFormatter())


def plain_axis(axes: Axes, which: str, most_ticks: int = 6) -> None:
    """A linear axis with at most this many ticks, large numbers written as 10k, 1M."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator  # noqa: PLC0415

    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_locator(MaxNLocator(most_ticks))
    axis.set_major_formatter(FuncFormatter(format_si))


def legend(axes: Axes, loc: Literal["best", "upper left", "upper right"], handlelength: float = 2.0) -> None:
    """A legend inside the axes, where there is something to tell; a ``$`` is a ``$``, not the start of a formula."""
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        words = [short(text, 60) for text in labels]
        drawn = axes.legend(handles, words, loc=loc, fontsize=SMALL, framealpha=0.85, handlelength=handlelength)
        drawn.get_frame().set_edgecolor("none")


def legend_below(target: Figure, axes: Axes) -> None:
    """A legend under everything, in as many columns as its words leave; the figure grows by its height."""
    handles, labels = axes.get_legend_handles_labels()
    if not handles:
        return
    words = [short(text, 60) for text in labels]
    columns = max(
        1, min(4, len(words), int(target.get_figwidth() * 72 / ((max(map(_letters_wide, words)) + 6) * 5.2)))
    )
    target.set_figheight(target.get_figheight() + 0.1 + 0.185 * -(-len(words) // columns))
    target.legend(
        handles, words, loc="outside lower left", ncols=columns, fontsize=SMALL, frameon=False, markerscale=1.4
    )


def to_float_array(frame: pd.DataFrame, name: str) -> np.ndarray:
    """A column as floats; missing, infinite and absent values are NaN."""
    if name not in frame.columns:
        return np.full(len(frame), np.nan)
    values: np.ndarray = pd.to_numeric(frame[name], errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    return np.where(np.isfinite(values), values, np.nan)


def thin_points(frame: pd.DataFrame, most: int = MOST_POINTS) -> pd.DataFrame:
    """At most ``most`` rows at even distances, the first and the last among them; the same ones every time."""
    if len(frame) <= most:
        return frame
    return frame.iloc[np.linspace(0, len(frame) - 1, most).astype(int)]


def spearman(x: np.ndarray, y: np.ndarray) -> float:
    """Spearman's correlation of the rows that have both; NaN for fewer than three or a constant."""
    both = ~(np.isnan(x) | np.isnan(y))
    if both.sum() < 3 or np.ptp(x[both]) == 0 or np.ptp(y[both]) == 0:
        return float("nan")
    ranks = [pd.Series(values[both]).rank().to_numpy(dtype=float) for values in (x, y)]
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def diverging() -> Colormap:
    """Vermilion for below, white for zero, blue for above."""
    from matplotlib.colors import LinearSegmentedColormap  # noqa: PLC0415

    return LinearSegmentedColormap.from_list("diverging", [COLOURS[4], "#FFFFFF", COLOURS[0]])


def sequential_cmap() -> Colormap:
    """White for nothing, blue for all."""
    from matplotlib.colors import LinearSegmentedColormap  # noqa: PLC0415

    return LinearSegmentedColormap.from_list("rising", ["#FFFFFF", COLOURS[0]])


def heat_map(
    axes: Axes, values: np.ndarray, colours: Colormap, limits: tuple[float, float], words: list[list[str]] | None
) -> None:
    """A matrix as a small picture of a pixel a cell, with words in the cells (white on dark ones); NaN is grey."""
    shown = colours.with_extremes(bad="#DDDDDD")
    # 'none' puts the few pixels as they are into an SVG; any other word would blow them up first.
    axes.imshow(values, cmap=shown, vmin=limits[0], vmax=limits[1], interpolation="none", aspect="auto")
    axes.tick_params(length=0, labelsize=SMALL)
    axes.spines[:].set_visible(False)
    for row, column_words in enumerate(words or []):
        for place, text in enumerate(column_words):
            share = (np.clip(values[row, place], *limits) - limits[0]) / (limits[1] - limits[0])
            red, green, blue, _ = shown(share)
            dark = np.isfinite(share) and 0.3 * red + 0.59 * green + 0.11 * blue < 0.55
            colour = "white" if dark else INK
            axes.text(place, row, text, ha="center", va="center", fontsize=7.5, color=colour, parse_math=False)
