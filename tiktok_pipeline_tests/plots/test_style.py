"""The style: a persona keeps its colour, no name breaks a line, a cloud of points has its cap."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tiktok_pipeline.plots import style
from tiktok_pipeline.plots.style import COLOURS, format_si, label, persona_styles, short, spearman, thin_points, wrap


def test_a_persona_keeps_its_colour_whichever_others_were_found() -> None:
    known = ["small", "large"]
    alone, beside = persona_styles(["large"], known), persona_styles(["Unnamed segment 2", "large"], known)
    assert alone["large"] == beside["large"] == (COLOURS[1], "s")
    assert beside["Unnamed segment 2"] == (COLOURS[2], "^")


def test_twelve_personas_look_different() -> None:
    assert len(set(persona_styles([f"persona {number}" for number in range(12)]).values())) == 12


def test_points_are_capped_the_same_way_every_time() -> None:
    many = pd.DataFrame({"x": range(10_000)})
    kept = thin_points(many)
    assert len(kept) == style.MOST_POINTS
    assert kept["x"].iloc[[0, -1]].tolist() == [0, 9_999]
    assert kept.equals(thin_points(many))
    assert thin_points(many.head(5)).equals(many.head(5))


@pytest.mark.parametrize(
    ("value", "words"),
    [(0, "0"), (0.05, "0.05"), (999, "999"), (1_000, "1k"), (999_950, "1M"), (1_234_567, "1.23M"), (5e9, "5B")],
)
def test_numbers_are_written_in_few_letters(value: float, words: str) -> None:
    assert format_si(value) == words


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a" * 60, "a" * 43 + "…"),
        ("模" * 40, "模" * 21 + "…"),
        ("two\nlines\ttab", "two lines tab"),
        ("\x1b[31mred\u202eturned", "[31mredturned"),
        ("$\\frac$ <b>", "$\\frac$ <b>"),
        (" ", "(no name)"),
    ],
)
def test_names_are_cut_and_cleaned(name: str, shown: str) -> None:
    assert short(name) == shown


def test_a_long_title_is_broken_into_lines() -> None:
    assert wrap("one two three", 7) == "one two\nthree"
    assert wrap("模特 " * 3, 10) == "模特 模特\n模特"
    assert max(map(len, wrap("x" * 99, 20).split("\n"))) <= 20


def test_features_have_words_and_unknown_ones_their_name() -> None:
    assert label("videos_count") == "videos"
    assert label("shares_per_day") == "shares per day"
    assert style.in_words("engagement_index") == "engagement index"


def test_spearman_is_of_the_rows_that_have_both() -> None:
    x = np.array([1.0, 2.0, 3.0, 4.0, np.nan])
    assert spearman(x, np.array([1.0, 10.0, 100.0, 1000.0, 0.0])) == pytest.approx(1.0)
    assert spearman(x, np.array([4.0, 3.0, 2.0, 1.0, 9.0])) == pytest.approx(-1.0)
    assert np.isnan(spearman(x, np.ones(5)))
    assert np.isnan(spearman(x[:2], x[:2]))


def test_a_column_is_numbers_whatever_stands_in_it() -> None:
    frame = pd.DataFrame({"x": [1, None, "?", float("inf"), pd.NA]})
    assert style.to_float_array(frame, "x").tolist()[:1] == [1.0]
    assert np.isnan(style.to_float_array(frame, "x")[1:]).all()
    assert np.isnan(style.to_float_array(frame, "absent")).all()
