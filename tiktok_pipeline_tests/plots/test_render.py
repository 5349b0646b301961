"""Rendered figures: the same bytes every time, unique ids in a page, nothing active in them."""

from __future__ import annotations

import io
import re
import struct
from collections import Counter
from xml.etree import ElementTree as ET

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure

from tiktok_pipeline.plots import render, style
from tiktok_pipeline.plots.render import png, svg

XLINK = "http://www.w3.org/1999/xlink"
HOSTILE = '</svg><script>alert("$x_1$")</script> href="http://evil" id="z" url(#z) $\\frac$ \x1b[31m 模特'


def sample_figure(name: str = "someone", title: str = "Likes & followers go together") -> Figure:
    figure = style.new_figure(height=3.0)
    axes = figure.subplots()
    axes.scatter([1, 2, 3], [3, 2, 1], rasterized=True, label=style.shorten(name))
    axes.plot([1, 2], [1, 2], marker="o", label="a line")
    axes.set_yticks([1, 2], [style.shorten(name), "b"])
    style.style_axes(axes, "followers", "")
    style.legend_below(figure, axes)
    return style.set_title(figure, title)


def test_a_png_is_small_and_the_same_every_time() -> None:
    figure = sample_figure()
    first = png(figure)
    assert first.startswith(b"\x89PNG")
    width, _ = struct.unpack(">II", first[16:24])
    assert width == int(style.WIDTH * 60)
    assert first == png(figure) == png(sample_figure())


def test_an_svg_is_the_same_every_time_and_after_a_png() -> None:
    figure = sample_figure()
    png(figure)
    assert svg(figure, "a") == svg(figure, "a") == svg(sample_figure(), "a")


def test_an_svg_scales_and_has_its_title_as_label() -> None:
    root = ET.fromstring(svg(sample_figure(), "a"))
    assert root.tag.endswith("}svg")
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-label"] == "Likes & followers go together"
    assert root.attrib["width"] == "100%"
    assert "height" not in root.attrib
    assert re.fullmatch(r"0 0 518\.4 [\d.]+", root.attrib["viewBox"])


def test_an_svg_is_an_element_and_keeps_its_text_as_text() -> None:
    text = svg(sample_figure(), "a")
    assert text.startswith("<svg ")
    assert not re.search(r"<\?xml|<!DOCTYPE|<!--|metadata|matplotlib\.org|<style", text)
    assert ">Likes &amp; followers go together</text>" in text
    assert ">followers</text>" in text


def test_ids_are_prefixed_and_links_stay_inside() -> None:
    first, second = svg(sample_figure(), "one"), svg(sample_figure(), "two words<>")
    ids = {
        prefix: set(re.findall(r'\bid="([^"]+)"', text))
        for prefix, text in (("one-", first), ("two-words---", second))
    }
    assert all(ids.values())
    assert not set.intersection(*ids.values())
    for (prefix, known), text in zip(ids.items(), (first, second), strict=True):
        assert all(element_id.startswith(prefix) for element_id in known)
        links = re.findall(r'href="([^"]*)"', text)
        assert any(link.startswith("#") for link in links)
        assert any(link.startswith("data:image/png;base64,") for link in links)
        inside = [link[1:] for link in links if link.startswith("#")] + re.findall(r"url\(#([^)]+)\)", text)
        assert set(inside) <= known
        assert all(link.startswith(("#", "data:image/png;base64,")) for link in links)


def test_ids_are_unique_and_every_link_has_a_target() -> None:
    """Two heat maps of the same cells: matplotlib gives both images one id."""
    figure = style.new_figure(height=3.0)
    for axes in figure.subplots(2, 2).ravel():
        style.heat_map(axes, np.array([[0.0, 1.0], [1.0, 0.0]]), style.sequential_cmap(), (0.0, 1.0), None)
        axes.plot([0, 1], [0, 1], marker="o")
        axes.scatter(np.arange(40) / 40, np.arange(40) / 40)
    plain = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": "a"}):
        figure.savefig(plain, format="svg")
    repeated = Counter(re.findall(r'\bid="([^"]+)"', plain.getvalue()))
    text = svg(figure, "a")
    assert max(repeated.values()) > 1, "this figure no longer has what the test is about"
    ids = Counter(element.attrib["id"] for element in ET.fromstring(text).iter() if "id" in element.attrib)
    assert set(ids.values()) == {1}
    links = set(re.findall(r'href="#([^"]+)"', text)) | set(re.findall(r"url\(#([^)]+)\)", text))
    assert links == set(ids)
    assert text.count("<image ") == 4


def test_the_first_of_two_ids_is_kept() -> None:
    root = ET.fromstring(
        f'<svg xmlns:xlink="{XLINK}"><path id="a"/><path id="a" d="M0"/><g id="b" clip-path="url(#c)"/>'
        '<clipPath id="c"/><use xlink:href="#a"/></svg>'
    )
    render._drop_idle_ids(root)
    assert [element.attrib.get("id") for element in root] == ["a", None, None, "c", None]
    assert root[4].attrib == {f"{{{XLINK}}}href": "#a"}


def test_a_hostile_name_is_text_and_nothing_else() -> None:
    figure = sample_figure(HOSTILE, HOSTILE)
    assert png(figure).startswith(b"\x89PNG")
    text = svg(figure, "a")
    assert "<script" not in text
    root = ET.fromstring(text)
    assert "\x1b" not in root.attrib["aria-label"]
    assert root.attrib["aria-label"].startswith('</svg><script>alert("$x_1$")</script> href="http://evil"')
    words = [element.text or "" for element in root.iter() if element.tag.endswith("}text")]
    assert sum('<script>alert("$x_1$")' in text for text in words) >= 2
    known = {"svg", "g", "path", "use", "text", "tspan", "defs", "clipPath", "rect", "image"}
    assert {element.tag.rpartition("}")[2] for element in root.iter()} <= known


@pytest.mark.parametrize("name", ["", "$$", "😀🎥", "x" * 600, "endless " * 60, "a $ sign"])
def test_no_name_breaks_a_figure(name: str) -> None:
    figure = sample_figure(name, name)
    assert png(figure)
    assert ET.fromstring(svg(figure, name)) is not None


def test_the_layout_is_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    runs: list[int] = []
    plain = ConstrainedLayoutEngine.execute

    def counted(self: ConstrainedLayoutEngine, fig: Figure) -> object:
        runs.append(1)
        return plain(self, fig)

    monkeypatch.setattr(ConstrainedLayoutEngine, "execute", counted)
    figure = sample_figure()
    svg(figure, "a")
    png(figure)
    assert len(runs) == 1
