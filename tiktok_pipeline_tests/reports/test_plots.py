"""The pictures: they are PNGs of a sane size, the same on every run, and no name of a persona breaks one."""

from __future__ import annotations

import struct
from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest

from tiktok_pipeline.clusters.choose_k import score_k
from tiktok_pipeline.reports.plots import COLOURS, draw_k_scores, draw_personas, persona_styles

RANDOM = np.random.default_rng(4)
SWEEP = {"n_init": 1, "random_state": 0, "k_range": (2, 6)}
SCORES = score_k(RANDOM.normal(size=(60, 2)), chosen=3, **SWEEP)
NAMES = {0: "small", 1: "large", 2: "famous"}
POINTS = pd.DataFrame(
    {
        "account_id": [f"a{number}" for number in range(30)],
        "followers": np.exp(RANDOM.normal(8, 2, 30)),
        "avg_engagement_rate": RANDOM.uniform(0.01, 0.3, 30),
        "cluster": np.arange(30) % 3,
    }
)
HOSTILE = [
    r"$\frac$",
    "a $ sign",
    "$$",
    r"back\slash{",
    "模特 создатель عارضة",
    "😀🎥",
    "two\nlines\ttab",
    "\u202eturned",
    "\x1b[31mred",
    "<script>alert(1)</script>",
    "[red]",
    "_hidden",
    "endless " * 60,
    "x" * 600,
    "",
]


def size_of(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    assert png.endswith(b"IEND\xaeB`\x82")
    return struct.unpack(">II", png[16:24])


def pixels(png: bytes) -> np.ndarray:
    import io

    from matplotlib.image import imread

    return np.asarray((imread(io.BytesIO(png))[..., :3] * 255).round(), dtype=int)


def has_colour(png: bytes, colour: str) -> bool:
    """Whether the legend's marker of this colour (60 % over white) is in the picture."""
    wanted = np.array([255 + 0.6 * (int(colour[place : place + 2], 16) - 255) for place in (1, 3, 5)])
    return bool((np.abs(pixels(png) - wanted).max(axis=2) <= 1).any())


def test_pictures_are_pngs_of_a_sane_size() -> None:
    assert size_of(draw_k_scores(SCORES, "study")) == (900, 380)
    assert size_of(draw_personas(POINTS, NAMES, "study")) == (800, 500)


def test_the_same_table_gives_the_same_bytes() -> None:
    assert draw_k_scores(SCORES, "study") == draw_k_scores(SCORES.copy(), "study")
    assert draw_personas(POINTS, NAMES, "study") == draw_personas(POINTS.copy(), dict(NAMES), "study")


def test_the_picture_changes_with_the_table() -> None:
    assert draw_personas(POINTS, NAMES, "study") != draw_personas(POINTS.assign(followers=9.0), NAMES, "study")
    assert draw_k_scores(SCORES, "study") != draw_k_scores(SCORES.assign(is_elbow=False), "study")


@pytest.mark.parametrize("names", [{0: "small", 1: "large"}, {5: "large", 7: "small"}, {1: "small", 0: "large"}])
def test_a_persona_keeps_its_colour_whatever_its_number(names: Mapping[int, str]) -> None:
    assert persona_styles(list(names.values())) == {"large": (COLOURS[0], "o"), "small": (COLOURS[1], "s")}


def test_a_persona_is_drawn_in_its_own_colour() -> None:
    styles = persona_styles(list(NAMES.values()))
    for cluster, name in NAMES.items():
        alone = draw_personas(POINTS[POINTS["cluster"] == cluster], NAMES, "study")
        others = [styles[other][0] for other in NAMES.values() if other != name]
        assert has_colour(alone, styles[name][0])
        assert not any(has_colour(alone, colour) for colour in others)


def test_more_personas_than_colours_are_drawn_all_the_same() -> None:
    names = {number: f"persona {number}" for number in range(11)}
    points = POINTS.assign(cluster=np.arange(30) % 11)
    assert size_of(draw_personas(points, names, "study")) == (800, 500)


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_breaks_a_picture(name: str) -> None:
    assert size_of(draw_personas(POINTS, NAMES | {1: name}, name)) == (800, 500)
    assert size_of(draw_k_scores(SCORES.assign(reason=name), name[:60])) == (900, 380)


@pytest.mark.parametrize("nothing", [POINTS.iloc[:0], POINTS.assign(followers=0.0), POINTS.assign(cluster=np.nan)])
def test_a_snapshot_without_points_is_an_empty_picture(nothing: pd.DataFrame) -> None:
    assert size_of(draw_personas(nothing, NAMES, "study")) == (800, 500)


def test_no_scores_are_an_empty_picture() -> None:
    assert size_of(draw_k_scores(score_k(np.ones((5, 1)), chosen=3, **SWEEP), "study")) == (900, 380)


def test_scores_without_a_mark_or_a_silhouette_are_drawn() -> None:
    plain = SCORES.assign(is_elbow=False, is_best_silhouette=False, is_chosen=False, silhouette=None)
    assert size_of(draw_k_scores(plain, "study")) == (900, 380)


def test_a_persona_keeps_its_colour_whichever_others_were_found() -> None:
    known = ["small", "large"]
    alone, beside = persona_styles(["large"], known), persona_styles(["Unnamed segment 2", "large"], known)
    assert alone["large"] == beside["large"] == (COLOURS[1], "s")
    assert beside["Unnamed segment 2"] == (COLOURS[2], "^")
