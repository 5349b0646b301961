"""The page as text: hostile texts stay text, nothing is loaded, every link has a target."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import pandas as pd
import pytest

from tiktok_pipeline.personas.verdict import VERDICTS
from tiktok_pipeline.reports.captions import CAPTIONS
from tiktok_pipeline.reports.html import inert_svg, render_report
from tiktok_pipeline.reports.report_model import EXPLORE_ADDRESS, build_report
from tiktok_pipeline.reports.snapshot_tables import RowCounts, SnapshotTables, StudyTables
from tiktok_pipeline_tests.reports.sample_tables import (
    HOSTILE,
    PERSONAS,
    SVG,
    classifier,
    snapshot_tables,
    study_tables,
)


class ParsedPage(HTMLParser):
    """What a browser parses: elements with their attributes, and the text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.feed(page)
        self.text = re.sub(r"\s+", " ", self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        self.text += " " if tag in {"td", "th"} else ""

    def handle_data(self, data: str) -> None:
        self.text += data

    def values(self, attribute: str) -> Iterator[str]:
        yield from (attributes[attribute] for _, attributes in self.elements if attribute in attributes)


def render(tables: SnapshotTables) -> str:
    return render_report(build_report(tables))


@pytest.fixture(scope="module")
def page() -> str:
    return render(snapshot_tables())


@pytest.fixture(scope="module")
def parsed(page: str) -> ParsedPage:
    return ParsedPage(page)


def test_hostile_texts_stay_text(page: str, parsed: ParsedPage) -> None:
    for text in HOSTILE[:5]:
        assert text in parsed.text
    assert "followers: <script>alert(2)</script>" in parsed.text
    assert "<b>scrape</b>.csv" in parsed.text
    assert not {"script", "img", "b", "iframe", "object", "form"} & {tag for tag, _ in parsed.elements}
    assert not [name for _, attributes in parsed.elements for name in attributes if name.startswith("on")]
    assert sum(tag == "style" for tag, _ in parsed.elements) == 1
    assert "49" not in re.findall(r"<bdi>(.*?)</bdi>", page)
    for text in ("\\u202eturned", "a\\u2066b\\u200fc", "nul\\x00l \\x1b[31m \\x85"):
        assert text in parsed.text
    assert "two \u21b5 lines" in parsed.text
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", page)
    page.encode("utf-8")


def test_hostile_texts_have_their_own_direction_and_are_cut(page: str) -> None:
    texts = re.findall(r"<bdi>(.*?)</bdi>", page)
    assert "=HYPERLINK(&#34;http://x&#34;)" in texts
    assert {"x" * 59 + "\u2026", "x" * 63 + "\u2026", "x" * 139 + "\u2026"} <= set(texts)
    assert "x" * 140 not in page


def test_the_page_loads_nothing(page: str, parsed: ParsedPage) -> None:
    policies = [
        attributes["content"]
        for _, attributes in parsed.elements
        if attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policies == [
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
    ]
    assert ("meta", {"name": "referrer", "content": "no-referrer"}) in parsed.elements
    addresses = [address for name in ("src", "xlink:href", "action") for address in parsed.values(name)]
    addresses += [attributes["href"] for tag, attributes in parsed.elements if tag != "a" and "href" in attributes]
    assert addresses
    assert [address for address in addresses if not address.startswith(("#", "data:"))] == []
    assert not list(parsed.values("srcset"))
    style = page[page.index("<style>") : page.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style


def test_links_lead_away_only_to_profiles_and_to_the_own_pages(parsed: ParsedPage) -> None:
    away = [
        attributes
        for tag, attributes in parsed.elements
        if tag == "a" and not attributes.get("href", "").startswith("#")
    ]
    profiles = {link["href"] for link in away if link["href"].startswith("https:")}
    assert "https://www.tiktok.com/@some.creator" in profiles
    assert not [address for address in profiles if not re.fullmatch(r"https://www\.tiktok\.com/@[\w.]+", address)]
    others = {link["href"] for link in away} - profiles
    pages = {f"{EXPLORE_ADDRESS}/{path}" for path in ("personas", "benchmarks")}
    assert others == pages | {f"{EXPLORE_ADDRESS}/?followers_min=1000&sort=times_expected"}
    assert {link["rel"] for link in away} == {"noopener noreferrer"}
    assert parsed.text.count("tiktok-pipeline explore") == 3


def test_links_have_targets_and_ids_are_unique(parsed: ParsedPage) -> None:
    ids = list(parsed.values("id"))
    assert len(ids) == len(set(ids))
    links = [link[1:] for link in parsed.values("href") if link.startswith("#")]
    assert {"plan", "comparison", "data", "method", "study-top_influencers"} <= set(links)
    labels = [
        label
        for name in ("aria-labelledby", "aria-describedby")
        for value in parsed.values(name)
        for label in value.split()
    ]
    assert [target for target in links + labels if target not in ids] == []


def test_headings_are_in_order(parsed: ParsedPage) -> None:
    levels = [int(tag[1]) for tag, _ in parsed.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_table_headers_have_a_scope(parsed: ParsedPage) -> None:
    scopes = [attributes.get("scope") for tag, attributes in parsed.elements if tag == "th"]
    assert set(scopes) == {"col", "row", "rowgroup", "colgroup"}
    tables = sum(tag == "table" for tag, _ in parsed.elements)
    assert tables == sum(tag == "caption" for tag, _ in parsed.elements) > 10
    assert tables == sum(
        attributes.get("class") == "scroll" and "tabindex" in attributes for _, attributes in parsed.elements
    )


def test_everything_a_marketer_asks_is_on_the_page(page: str, parsed: ParsedPage) -> None:
    plan = ParsedPage(page[page.index('<section id="plan"') : page.index('<section id="rates"')])
    studies = ParsedPage(page[page.index('<section id="more"') : page.index('<section id="comparison"')])
    for index, (name, verdict) in enumerate(PERSONAS.items()):
        texts = [name, f"description {index}"]
        acted_on = [f"value {index}", f"advice {index}"]
        assert [text for text in texts if text not in plan.text or text not in studies.text] == []
        for part in (plan, studies):
            assert [text for text in acted_on if text in part.text] == (
                acted_on if VERDICTS[verdict].can_plan else []
            )
        if verdict != "no segment":
            assert VERDICTS[verdict].description in plan.text
    for text in (
        "advice for the whole",
        "One part took too long.",
        "code < 1",
        CAPTIONS["followers_and_engagement"],
        "Unknown figure.",
        "tiktok_pipeline 9.8.7",
    ):
        assert text in parsed.text


def test_the_summary_counts_rows_segments_and_verdicts(parsed: ParsedPage) -> None:
    for text in (
        "12,000 rows are valid and 20 were rejected",
        "Plan with 2 segments: Large & Loud (40% of all), Quiet (30% of all) (what to do with each).",
        "Do not plan with Two <b>Stars</b> (too small).",
        "1 is stable, 1 is a pattern with moving edges, 1 is too small to be a group.",
        "3,000 creators have no segment.",
        "average precision 0.981 as published; 0.421 (± 0.004 over repeats) on creators that the model has not seen",
        "without features that reveal the label (logistic regression, without leaks); guessing reaches 0.052.",
    ):
        assert text in parsed.text


def test_numbers_are_formatted(parsed: ParsedPage) -> None:
    for text in (
        "12,000 creators, 40.0% of all",
        "1,234,567",
        "1.2%",
        "83,423 followers",
        "followers 4.2 times the median",
        "The study takes k = 4",
        "\u22120.10",
    ):
        assert text in parsed.text


def test_the_classifier_shows_honest_results_and_leaks(parsed: ParsedPage) -> None:
    for text in (
        "0.961 \u00b1 0.012",
        "0.981",
        "0.972",
        "baseline (guessing)",
        "The label can be read off it.",
        "no outcome of a campaign",
        "31 7 5 1,957",
        "published (reveals the label)",
        "This study has no classifier, or no scores in this snapshot.",
    ):
        assert re.sub(r"\s+", " ", text) in parsed.text


def test_lost_rows_are_reported() -> None:
    lost = snapshot_tables(row_counts={"profiles": RowCounts(delivered=10, valid=8, rejected=1)})
    assert "no: rows are lost or duplicated" in ParsedPage(render(lost)).text
    assert "no: rows are lost or duplicated" not in ParsedPage(render(snapshot_tables())).text


def test_videos_are_told_from_the_rows_of_creators() -> None:
    counts = {
        "profiles": RowCounts(delivered=62, valid=60, rejected=2),
        "videos": RowCounts(delivered=120, valid=120, rejected=0),
    }
    text = re.sub(r"\s+", " ", ParsedPage(render(snapshot_tables(row_counts=counts))).text)
    assert "180 rows (120 of them videos) are valid and 2 were rejected" in text


def test_an_empty_snapshot_gives_a_reason_in_every_section() -> None:
    parsed = ParsedPage(render(SnapshotTables(snapshot="2024-04-29", made_by="x")))
    ids = set(parsed.values("id"))
    assert {"minute", "shortlist", "plan", "rates", "more", "comparison", "data", "method"} <= ids
    assert [link for link in parsed.values("href") if link.startswith("#") and link[1:] not in ids] == []
    for text in ("No study has been run", "nothing to compare", "No file has been read", "No row was rejected"):
        assert text in parsed.text


def test_a_study_without_tables_gives_the_reasons() -> None:
    bare = StudyTables(
        name="bare", question="Why?", published_in="", notes="", source="profiles", skipped_reasons=["No rows."]
    )
    text = ParsedPage(render(SnapshotTables(snapshot="s", made_by="m", studies=[bare]))).text
    assert text.count("This study has no segments in this snapshot.") == 2
    assert text.count("No rows.") == 2
    assert "This study has no classifier" in text


FULL = study_tables(**classifier())
MISSING: dict[str, str | None] = {
    "summaries": "This study has no segments in this snapshot.",
    "persona_features": None,
    "recommendations": None,
    "rules": None,
    "k_scores": "No other number of segments was scored.",
    "fits": None,
    "continuity": None,
    "stability": "The stability of the segments has not been measured.",
    "stability_runs": None,
    "metrics": "The models of this study have no metrics in this snapshot.",
    "confusion": None,
    "importances": None,
    "leakage": "No leakage audit: no feature has been tested for leakage.",
    "cards": None,
    "feature_sets": None,
    "top_scores": "No creator has been scored.",
}
"""What the page says without each table; None if the part is left out."""


def test_every_table_of_a_study_has_a_case() -> None:
    frames = [name for name, value in vars(FULL).items() if isinstance(value, pd.DataFrame)]
    assert sorted(frames) == sorted(MISSING)


@pytest.mark.parametrize("name", MISSING)
def test_a_missing_table_is_replaced_by_its_reason(name: str) -> None:
    full_page = render(snapshot_tables(studies=[FULL]))
    for empty in (pd.DataFrame(), getattr(FULL, name).iloc[:0]):
        empty_table: dict[str, Any] = {name: empty}
        page = render(snapshot_tables(studies=[replace(FULL, **empty_table)]))
        assert len(page) < len(full_page)
        if reason := MISSING[name]:
            assert reason in page
            assert reason not in full_page


def test_equal_tables_give_equal_pages(page: str) -> None:
    assert render(snapshot_tables()) == page


@pytest.mark.parametrize(
    "inside",
    [
        "<script>alert(1)</script>",
        "<foreignObject/>",
        '<rect onload="alert(1)"/>',
        '<a href="https://example.org"/>',
        '<image href="http://example.org/x.png"/>',
        '<image href="data:image/svg+xml;base64,AAAA"/>',
        '<rect fill="url(http://example.org)"/>',
        "<style>@import 'x.css';</style>",
        "<style>rect { fill: url(x.svg) }</style>",
    ],
)
def test_inert_svg_raises_for_active_content(inside: str) -> None:
    with pytest.raises(ValueError, match=r"figure p: .* is not allowed"):
        inert_svg(f'<svg xmlns="http://www.w3.org/2000/svg">{inside}</svg>', "p")


def test_inert_svg_prefixes_ids() -> None:
    figure = inert_svg(SVG, "p")
    assert 'id="p-g"' in figure
    assert 'fill="url(#p-g)"' in figure
    assert figure.startswith('<svg xmlns="http://www.w3.org/2000/svg"')
    repeated = '<svg xmlns="http://www.w3.org/2000/svg"><g id="a"/><g id="a"/><g id="b"/></svg>'
    assert re.findall('id="([^"]*)"', inert_svg(repeated, "p")) == ["p-a", "p-b"]
    with pytest.raises(ValueError, match="not svg"):
        inert_svg("<p/>", "p")
