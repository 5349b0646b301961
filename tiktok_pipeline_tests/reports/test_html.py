"""The page as text: hostile creators stay text, nothing is loaded, every link leads somewhere, every word by hand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import pandas as pd
import pytest

from tiktok_pipeline.personas.verdict import VERDICTS
from tiktok_pipeline.reports.contents import (
    ReportModel,
    StudyContents,
    choice_of_k,
    compare,
    explained,
    headline_scores,
    in_words,
    marks,
    metric_rows,
    recommended,
)
from tiktok_pipeline.reports.html import count, figure, in_unit, inert_svg, percent, render_report, shown, with_spread

THIN = "\u202f"
HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "{{7*7}}",
    "{% raw %}",
    "\u202eturned",
    "a\u2066b\u200fc",
    '=HYPERLINK("http://x")',
    "javascript:alert(1)",
    "x" * 10_000,
    "nul\x00l \x1b[31m \x85",
    "</bdi></table></style><style>*{display:none}",
    "two\r\nlines",
]
SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 72 40" role="img" aria-label="Bars"><defs>'
    '<linearGradient id="g"><stop offset="0" stop-color="#0072B2"/></linearGradient></defs>'
    '<rect width="50" height="20" fill="url(#g)"/><text x="1" y="30">Bars</text></svg>'
)
PERSONAS = {
    "Large & Loud": "stable",
    "Quiet": "pattern",
    "Two <b>Stars</b>": "too small",
    "Not enough data": "no segment",
}


def summaries() -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "cluster": None if verdict == "no segment" else place,
                "persona": name,
                "profiles": 12_000 - 3_000 * place,
                "profiles_in_fit": 11_000 - 3_000 * place,
                "share": 0.4 - 0.1 * place,
                "verdict": verdict,
                "description": f"description {place}",
                "strategic_value": f"value {place}",
                "recommendation": f"advice {place}",
                "match_distance": 0.1,
            }
            for place, (name, verdict) in enumerate(PERSONAS.items())
        ]
    ).astype({"cluster": "Int64"})


def persona_features() -> pd.DataFrame:
    rows = [
        ("fitted", "followers", 83_423.0, 3.2),
        ("fitted", "log_followers", 11.0, 9.0),
        ("fitted", "avg_engagement_rate", 0.021, -0.7),
        ("fitted", "like_engagement_rate", 0.02, -0.9),
        ("fitted", "is_verified", 0.0, -1.0),
        ("fitted", "videos_count", 670.0, 0.44),
        ("fitted", "following", 10.0, None),
        ("all", "followers", 1.0, 99.0),
    ]
    frame = pd.DataFrame(rows, columns=["base", "feature", "median", "relative_importance"])
    return frame.assign(persona="Large & Loud", mean=1.0)


def creators(names: list[str]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "account_id": names,
            "nickname": names[::-1],
            "biography": names,
            "followers": 1_234_567,
            "avg_engagement_rate": 0.0123,
            "likes": 98_765,
            "videos_count": 12,
            "is_verified": [None, *[True] * (len(names) - 1)],
            "margin": 0.25,
        }
    )


def metrics() -> pd.DataFrame:
    rows = [
        ("random_forest", "published", "published", "average_precision", 0.981, None),
        ("random_forest", "mended", "published", "average_precision", 0.972, None),
        ("random_forest", "honest", "everything", "average_precision", 0.961, 0.012),
        ("logistic_regression", "honest", "without_leaks", "average_precision", 0.421, 0.034),
        ("dummy", "honest", "without_leaks", "average_precision", 0.052, 0.001),
        ("logistic_regression", "honest", "without_leaks", "f1_tuned", 0.5, None),
    ]
    return pd.DataFrame(rows, columns=["model", "protocol", "feature_set", "metric", "value", "std"])


def classifier() -> dict[str, pd.DataFrame]:
    """The tables of a study with a classifier."""
    run = {"model": "random_forest", "protocol": "published", "feature_set": "published"}
    cells = [(True, True, 31), (True, False, 7), (False, True, 5), (False, False, 1_957)]
    leak = {"feature": "total_engagement", "other_feature": "", "is_published": True, "single_feature_auc": 1.0}
    return {
        "metrics": metrics(),
        "confusion": pd.DataFrame([{**run, "actual": a, "predicted": p, "profiles": n} for a, p, n in cells]),
        "importances": pd.DataFrame(
            [{**run, "feature": "likes", "method": "impurity", "importance": 0.4, "std": None}]
        ),
        "leakage": pd.DataFrame(
            [
                {
                    **leak,
                    "best_f1": 1.0,
                    "ap_without": None,
                    "kind": "leak",
                    "verdict": "One can read the label off it.",
                }
            ]
        ),
        "cards": pd.DataFrame({"item": ["label", "missing"], "value": ["the top 5 %", "no outcome of a campaign"]}),
        "top_scores": creators(["first", "second"]).assign(score=[0.97, 0.5])[
            ["account_id", "nickname", "followers", "avg_engagement_rate", "score"]
        ],
    }


def study(name: str = "balanced_segments", **changes: object) -> StudyContents:
    full = StudyContents(
        name=name,
        title="A title",
        question="Which kinds are there?",
        published_in="our own",
        notes="First paragraph\nwith ``code < 1``.\n\nSecond paragraph.",
        source="profiles",
        summaries=summaries(),
        persona_features=persona_features(),
        recommendations=pd.DataFrame(
            {"persona": ["", "Quiet"], "recommendation": ["advice for the whole", "advice 1"]}
        ),
        typical={persona: creators(HOSTILE) for persona in list(PERSONAS)[:2]},
        k_scores=pd.DataFrame(
            {
                "k": [2, 3, 4],
                "inertia": [3_038.31, 2_253.08, 1_892.23],
                "silhouette": [0.41, 0.32, None],
                "calinski_harabasz": 1_504.7,
                "davies_bouldin": 0.9,
                "is_elbow": [False, True, False],
                "is_best_silhouette": [True, False, False],
                "is_chosen": [False, False, True],
                "reason": "The study takes k = 4; the others ask different questions.",
            }
        ),
        fits=pd.DataFrame(
            [
                ("rows", 12_000.0),
                ("rows_in_fit", 11_000.0),
                ("silhouette", 0.31),
                ("eta_squared_log_followers", 0.755),
                ("eta_squared_followers", 0.755),
                ("eta_squared_log_engagement_percent", 0.63),
                ("eta_squared_avg_engagement_rate", 0.63),
                ("eta_squared_likes", None),
            ],
            columns=["statistic", "value"],
        ),
        stability=pd.DataFrame(
            {
                "cluster": [0, 1],
                "jaccard": [0.91, 0.63],
                "share_of_draws": 1.0,
                "silhouette": [0.4, -0.1],
                "profiles": [11_000, 8_000],
                "verdict": ["stable", "pattern"],
            }
        ),
        stability_runs=pd.DataFrame(
            {"measure": "adjusted_rand_index", "k": 4, "seed": [1, 2], "value": [0.92, 0.98]}
        ),
        pictures={"segments_by_size": SVG},
        captions={"segments_by_size": "The caption of the picture."},
        skipped_reasons=["One part took too long."],
    )
    return replace(full, **changes)  # type: ignore[arg-type]


def contents(**changes: object) -> ReportModel:
    full = ReportModel(
        snapshot="2024-04-29",
        made_by="tiktok_pipeline 9.8.7",
        files=[
            {
                "file": "<b>scrape</b>.csv",
                "source": "profiles",
                "dialect": "plain",
                "rows": 12_020,
                "delivered_sha256": "ab" * 32,
            }
        ],
        rows={"profiles": {"raw": 12_020, "validated": 12_000, "rejected": 20}},
        rejected_reasons=pd.DataFrame(
            {"source": "profiles", "reason": ["followers: <script>alert(2)</script>", "likes: \u202e9"], "rows": 10}
        ),
        statistics=pd.DataFrame(
            [
                ("profiles", "followers", "", "rows", 12_000.0),
                ("profiles", "followers", "", "median", 4_321.0),
                ("profiles", "followers", "likes", "pearson", 0.7),
            ],
            columns=["source", "feature", "other_feature", "statistic", "value"],
        ),
        pictures={"followers": SVG},
        studies=[study(), study("top_influencers", typical={}, skipped_reasons=(), **classifier())],
    )
    return replace(full, **changes)  # type: ignore[arg-type]


class Reader(HTMLParser):
    """What a browser would find: elements with attributes, and the text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.feed(page)
        self.text = re.sub(r"[ \n]+", " ", self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        self.text += " " if tag in {"td", "th"} else ""

    def handle_data(self, data: str) -> None:
        self.text += data

    def values(self, attribute: str) -> Iterator[str]:
        yield from (found[attribute] for _, found in self.elements if attribute in found)


@pytest.fixture(scope="module")
def page() -> str:
    return render_report(contents())


@pytest.fixture(scope="module")
def read(page: str) -> Reader:
    return Reader(page)


def test_hostile_texts_stay_text(page: str, read: Reader) -> None:
    for text in HOSTILE[:5]:
        assert text in read.text
    assert "followers: <script>alert(2)</script>" in read.text
    assert "<b>scrape</b>.csv" in read.text
    assert not {"script", "img", "b", "iframe", "object", "form"} & {tag for tag, _ in read.elements}
    assert not [name for _, found in read.elements for name in found if name.startswith("on")]
    assert sum(tag == "style" for tag, _ in read.elements) == 1
    assert "49" not in re.findall(r"<bdi>(.*?)</bdi>", page)
    for seen in ("\\u202eturned", "a\\u2066b\\u200fc", "nul\\u0000l \\u001b[31m \\u0085"):
        assert seen in read.text
    assert "two \u21b5 lines" in read.text
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", page)
    page.encode("utf-8")


def test_hostile_texts_stand_in_their_own_direction_and_are_cut(page: str) -> None:
    shown_texts = re.findall(r"<bdi>(.*?)</bdi>", page)
    assert "=HYPERLINK(&#34;http://x&#34;)" in shown_texts
    assert {"x" * 59 + "\u2026", "x" * 63 + "\u2026", "x" * 139 + "\u2026"} <= set(shown_texts)
    assert "x" * 140 not in page


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        (None, 9, ""),
        ("  plain ", 9, "plain"),
        ("0123456789", 10, "0123456789"),
        ("0123456789a", 10, "012345678\u2026"),
        ("a\tb", 9, "a b"),
        ("half \ud83d", 9, "half \\ud83d"),
        ("\U000e0041", 9, "\\U000e0041"),
        ("\u2028", 9, "\\u2028"),
        ("a\u2028b", 9, "a\\u2028b"),
        ("\u200d\u200c", 9, "\u200d\u200c"),
        ("مرحبا 😀 模特", 20, "مرحبا 😀 模特"),
    ],
)
def test_what_is_shown_of_a_hostile_text(text: str | None, limit: int, expected: str) -> None:
    assert shown(text, limit) == expected


def test_the_page_may_load_nothing(page: str, read: Reader) -> None:
    policies = [
        found["content"] for _, found in read.elements if found.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policies == [
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
    ]
    assert ("meta", {"name": "referrer", "content": "no-referrer"}) in read.elements
    leading = [*read.values("href"), *read.values("src"), *read.values("xlink:href"), *read.values("action")]
    assert leading
    assert [one for one in leading if not one.startswith(("#", "data:"))] == []
    assert not list(read.values("srcset"))
    style = page[page.index("<style>") : page.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style


def test_links_lead_somewhere_and_ids_are_unique(read: Reader) -> None:
    ids = list(read.values("id"))
    assert len(ids) == len(set(ids))
    links = [one[1:] for one in read.values("href") if one.startswith("#")]
    assert {"plan", "comparison", "data", "method", "study-top_influencers"} <= set(links)
    named = [
        one for name in ("aria-labelledby", "aria-describedby") for ones in read.values(name) for one in ones.split()
    ]
    assert [one for one in links + named if one not in ids] == []


def test_headings_are_in_order(read: Reader) -> None:
    levels = [int(tag[1]) for tag, _ in read.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_table_headers_say_what_they_head(read: Reader) -> None:
    headers = [found.get("scope") for tag, found in read.elements if tag == "th"]
    assert set(headers) == {"col", "row", "rowgroup", "colgroup"}
    tables = sum(tag == "table" for tag, _ in read.elements)
    assert tables == sum(tag == "caption" for tag, _ in read.elements) > 10
    assert tables == sum(found.get("class") == "scroll" and "tabindex" in found for _, found in read.elements)


def test_everything_a_marketer_asks_is_there(page: str, read: Reader) -> None:
    plan = Reader(page[page.index('<section id="plan"') : page.index('<section id="studies"')])
    studies = Reader(page[page.index('<section id="studies"') : page.index('<section id="comparison"')])
    for place, (name, verdict) in enumerate(PERSONAS.items()):
        wanted = [name, verdict, VERDICTS[verdict].description, f"description {place}", f"value {place}", f"advice {place}"]
        assert [one for one in wanted if one not in plan.text] == []
        assert [one for one in wanted if one != VERDICTS[verdict].description and one not in studies.text] == []
    for text in ("advice for the whole", "One part took too long.", "The caption of the picture.", "code < 1"):
        assert text in read.text
    assert "There are 3 segments to plan with" in read.text
    assert "1 is stable, 1 is a pattern with moving edges, 1 is too small to be a group, 1 has no segment." in read.text
    assert "tiktok_pipeline 9.8.7" in read.text


def test_numbers_are_formatted(read: Reader) -> None:
    for text in (
        f"12{THIN}000 creators, 40.0{THIN}% of all",
        f"1{THIN}234{THIN}567",
        f"1.2{THIN}%",
        f"83{THIN}423 followers",
    ):
        assert text in read.text
    assert "followers 4.2 times the average" in read.text
    assert "The study takes k = 4" in read.text
    assert "k taken: 4; at the elbow of the inertia: 3; at the highest silhouette: 2." in read.text
    assert "\u22120.10" in read.text


def test_the_classifier_is_told_honestly(read: Reader) -> None:
    for text in (
        "0.961 \u00b1 0.012",
        "0.981",
        "0.972",
        "floor (guessing)",
        "One can read the label off it.",
        "no outcome of a campaign",
    ):
        assert text in read.text
    assert (
        "0.981 as published and 0.961 at best on creators the model has not seen, without what gives the answer away; "
        "guessing has 0.052." in read.text
    )
    assert f"31 7 5 1{THIN}957" in read.text
    assert "No classifier: this study has no scores in this snapshot." in read.text


def test_rows_that_are_lost_are_told() -> None:
    lost = Reader(render_report(contents(rows={"profiles": {"raw": 10, "validated": 8, "rejected": 1}})))
    assert "no: rows are lost or doubled" in lost.text
    assert "no: rows are lost or doubled" not in Reader(render_report(contents())).text


def test_without_anything_the_sections_say_why() -> None:
    empty = Reader(render_report(ReportModel(snapshot="2024-04-29", made_by="x")))
    ids = set(empty.values("id"))
    assert {"minute", "plan", "studies", "comparison", "data", "method"} <= ids
    assert [one for one in empty.values("href") if one.startswith("#") and one[1:] not in ids | {"main"}] == []
    for text in ("No study has been run", "nothing to compare", "No file has been read", "No row was set aside"):
        assert text in empty.text


def test_a_study_without_tables_says_why() -> None:
    bare = StudyContents(
        name="bare",
        title="",
        question="Why?",
        published_in="",
        notes="",
        source="profiles",
        skipped_reasons=["No rows."],
    )
    text = Reader(render_report(ReportModel(snapshot="s", made_by="m", studies=[bare]))).text
    assert text.count("This study has no segments in this snapshot.") == 2
    assert "No rows." in text
    assert "No classifier" in text


def test_any_table_may_be_missing() -> None:
    full = study(**classifier())
    for name, value in vars(full).items():
        if isinstance(value, pd.DataFrame):
            for empty in (pd.DataFrame(), value.iloc[:0]):
                render_report(contents(studies=[replace(full, **{name: empty})]))


def test_the_same_contents_give_the_same_page(page: str) -> None:
    assert render_report(contents()) == page


@pytest.mark.parametrize(
    ("feature", "relative", "words"),
    [
        ("followers", 3.2, "followers 4.2 times the average"),
        ("followers", 1.0, "followers 2.0 times the average"),
        ("likes", 126.4, "likes received 127 times the average"),
        ("likes", 12_345.0, f"likes received 12{THIN}346 times the average"),
        ("avg_engagement_rate", 0.44, f"engagement 44{THIN}% above the average"),
        ("avg_engagement_rate", -0.7, f"engagement 70{THIN}% below the average"),
        ("videos_count", 0.049, "videos about the average"),
        ("videos_count", -0.991, f"videos under 1{THIN}% of the average"),
        ("videos_count", -1.0, "videos: none at all"),
        ("is_verified", -1.0, "no verified accounts"),
        ("some_new_feature", 1.5, "some new feature 2.5 times the average"),
        ("log_likes", 0.5, f"likes received (log scale) 50{THIN}% above the average"),
    ],
)
def test_relative_importance_in_words(feature: str, relative: float, words: str) -> None:
    assert in_words(feature, relative) == words


def test_what_marks_a_segment() -> None:
    # Not the logarithm, not the like rate beside the average rate, and the missing badge last.
    assert marks(persona_features(), "Large & Loud", 9) == (
        "followers 4.2 times the average",
        f"engagement 70{THIN}% below the average",
        f"videos 44{THIN}% above the average",
        "no verified accounts",
    )
    assert len(marks(persona_features(), "Large & Loud")) == 3
    assert marks(persona_features(), "Quiet") == ()


def test_figures_by_hand() -> None:
    assert [count(None), count(0), count(1_234_567)] == ["\u2013", "0", f"1{THIN}234{THIN}567"]
    assert [figure(None), figure(0.0), figure(-0.5), figure(-0.001), figure(0.00012)] == [
        "\u2013",
        "0.00",
        "\u22120.50",
        "\u22120.001",
        "0.00012",
    ]
    assert [percent(1.5), percent(0.0123), percent(0.0008), percent(0.0), percent(0.304, 1)] == [
        f"150{THIN}%", f"1.2{THIN}%", f"0.08{THIN}%", f"0.0{THIN}%", f"30.4{THIN}%"
    ]  # fmt: skip
    assert [in_unit(0.021, "avg_engagement_rate"), in_unit(670.0, "likes"), in_unit(39.42, "x"), in_unit(0.5, "x")] == [
        f"2.1{THIN}%", "670", "39.4", "0.50"
    ]  # fmt: skip
    assert [with_spread((0.5, None)), with_spread((0.5, 5e-5)), with_spread((None, None)), with_spread(None)] == [
        "0.500",
        "0.500 \u00b1 0.000",
        "\u2013",
        "\u2013",
    ]


def test_what_is_shaped_from_the_tables() -> None:
    one = study()
    assert choice_of_k(one) == {
        "chosen": 4, "elbow": 3, "best_silhouette": 2, "reason": "The study takes k = 4; the others ask different questions."
    }  # fmt: skip
    assert explained(one) == [("followers", 0.755), ("avg_engagement_rate", 0.63)]
    rows = metric_rows(
        study(metrics=metrics().assign(feature_set=metrics()["feature_set"].replace("everything", "z")))
    )
    assert list(rows) == ["published", "mended", "honest"]
    assert [row["model"] for row in rows["honest"]] == ["logistic_regression", "random_forest", "dummy"]
    (row,) = compare([one, study("b", summaries=pd.DataFrame())])
    assert (row["smallest"], row["worst_jaccard"], row["silhouette"], row["followers"], row["likes"]) == (
        5_000, 0.63, 0.31, 0.755, None
    )  # fmt: skip
    (scores,) = headline_scores([one, study("b", metrics=metrics())])
    assert scores == {
        "name": "b",
        "published": 0.981,
        "honest": 0.961,
        "floor": 0.052,
    }


def test_the_recommended_study_is_ours_else_the_first_with_segments() -> None:
    bare = study("bare", summaries=pd.DataFrame())
    assert recommended([bare, study("a"), study()]).name == "balanced_segments"  # type: ignore[union-attr]
    assert recommended([bare, study("a")]).name == "a"  # type: ignore[union-attr]
    assert recommended([bare]) is bare
    assert recommended([]) is None


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
def test_a_picture_that_does_more_than_being_seen_is_refused(inside: str) -> None:
    with pytest.raises(ValueError, match=r"picture p: .* has no place"):
        inert_svg(f'<svg xmlns="http://www.w3.org/2000/svg">{inside}</svg>', "p")


def test_a_picture_has_ids_of_its_own() -> None:
    drawn = inert_svg(SVG, "p")
    assert 'id="p-g"' in drawn
    assert 'fill="url(#p-g)"' in drawn
    assert drawn.startswith('<svg xmlns="http://www.w3.org/2000/svg"')
    twice = '<svg xmlns="http://www.w3.org/2000/svg"><g id="a"/><g id="a"/><g id="b"/></svg>'
    assert re.findall('id="([^"]*)"', inert_svg(twice, "p")) == ["p-a", "p-b"]
    with pytest.raises(ValueError, match="not svg"):
        inert_svg("<p/>", "p")
