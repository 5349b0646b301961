"""The style: a persona keeps its color, no name breaks a line, points are capped."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tiktok_pipeline.plots import style
from tiktok_pipeline.plots.style import COLORS, axis_label, persona_styles, shorten, thin_points, wrap


def test_a_persona_keeps_its_color_whichever_others_occur() -> None:
    known = ["small", "large"]
    alone, beside = persona_styles(["large"], known), persona_styles(["Unnamed segment 2", "large"], known)
    assert alone["large"] == beside["large"] == (COLORS[1], "s")
    assert beside["Unnamed segment 2"] == (COLORS[2], "^")


def test_twelve_personas_look_different() -> None:
    assert len(set(persona_styles([f"persona {number}" for number in range(12)]).values())) == 12


def test_points_are_capped_the_same_way_every_time() -> None:
    many = pd.DataFrame({"x": range(10_000)})
    kept = thin_points(many)
    assert len(kept) == style.MAX_POINTS
    assert kept["x"].iloc[[0, -1]].tolist() == [0, 9_999]
    assert kept.equals(thin_points(many))
    assert thin_points(many.head(5)).equals(many.head(5))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a" * 60, "a" * 43 + "…"),
        ("模" * 40, "模" * 21 + "…"),
        ("two\nlines\ttab", "two lines tab"),
        ("\x1b[31mred\u202eturned", r"\x1b[31mred\u202eturned"),
        ("$\\frac$ <b>", "$\\frac$ <b>"),
        (" ", "(no name)"),
    ],
)
def test_shorten_cuts_and_cleans_names(name: str, expected: str) -> None:
    assert shorten(name) == expected


def test_wrap_breaks_a_long_title_into_lines() -> None:
    assert wrap("one two three", 7) == "one two\nthree"
    assert wrap("模特 " * 3, 10) == "模特 模特\n模特"
    assert max(map(len, wrap("x" * 99, 20).split("\n"))) <= 20


def test_unknown_features_have_their_name_as_label() -> None:
    assert axis_label("videos_count") == "videos"
    assert axis_label("shares_per_day") == "shares per day"
    assert style.short_label("engagement_index") == "engagement index"


def test_to_float_array_gives_numbers_whatever_the_column_holds() -> None:
    frame = pd.DataFrame({"x": [1, None, "?", float("inf"), pd.NA]})
    assert style.to_float_array(frame, "x").tolist()[:1] == [1.0]
    assert np.isnan(style.to_float_array(frame, "x")[1:]).all()
    assert np.isnan(style.to_float_array(frame, "absent")).all()
