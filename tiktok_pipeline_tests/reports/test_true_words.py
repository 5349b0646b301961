"""The report of three very different snapshots makes no claim that its tables contradict."""

from __future__ import annotations

import csv
import html
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import tiktok_pipeline
import tiktok_pipeline.studies
from tiktok_pipeline.output.number_format import format_count, format_percent, format_short
from tiktok_pipeline.personas.transitions import MOST_MODEL_MOVED
from tiktok_pipeline.personas.verdict import NOT_ENOUGH_DATA, VERDICTS, Measured, segment_verdict
from tiktok_pipeline.plots.distributions import REJECTED
from tiktok_pipeline.plots.stability import SAME_SEGMENTS
from tiktok_pipeline.reports.captions import CAPTIONS
from tiktok_pipeline.reports.fit_model import TOO_FEW
from tiktok_pipeline.reports.glossary import glossary
from tiktok_pipeline.reports.page_elements import paragraphs
from tiktok_pipeline.study import load_studies
from tiktok_pipeline.warehouse.duckdb.connection import query
from tiktok_pipeline_tests.homes import run_command_line

pytestmark = pytest.mark.slow

SAMPLE = Path(tiktok_pipeline.__file__).parents[1] / "data" / "sample" / "profiles_2024-04-29.csv"
SNAPSHOTS: dict[str, Callable[[float], bool]] = {
    "2024-04-29": lambda _: True,
    "2024-05-06": lambda followers: followers < 10_000,
    "2024-05-13": lambda followers: followers >= 10_000,
}
STUDIES = {study.name: study for study in load_studies(tiktok_pipeline.studies)}
PERSONAS = {
    (study.name, persona.name, segmentation.basis): persona
    for study in STUDIES.values()
    for segmentation in (study.segmentation.bases if study.segmentation else ())
    for persona in segmentation.personas.personas
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Refresh the sample, its profiles under 10,000 followers, and those above, as three snapshots."""
    folder = tmp_path_factory.mktemp("words")
    with SAMPLE.open(encoding="utf-8", newline="") as file:
        names, *rows = csv.reader(file)
    place = names.index("followers")

    def number(text: str) -> float:
        try:
            return float(text)
        except ValueError:
            return math.nan

    files = []
    for snapshot, keep in SNAPSHOTS.items():
        files.append(folder / f"profiles_{snapshot}.csv")
        with files[-1].open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(
                [names, *(row for row in rows if len(row) > place and keep(number(row[place])))]
            )
    with pytest.MonkeyPatch.context() as patch:
        for path in files:
            argument = f"--snapshot={path.stem.removeprefix('profiles_')}"
            assert run_command_line(patch, folder / "home", "refresh", path, argument, pictures=True) == 0
    return folder / "home"


@pytest.fixture(params=list(SNAPSHOTS))
def snapshot(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def table(home: Path, name: str, snapshot: str) -> pd.DataFrame:
    columns, rows = query(
        home / "published" / "tiktok.duckdb",
        f"select * from {name} where snapshot = '{snapshot}'",
    )[:2]
    return pd.DataFrame(rows, columns=columns)


def page_of(home: Path, snapshot: str) -> str:
    """Return the page without the texts of creators."""
    page = (home / "reports" / f"{snapshot}.html").read_text(encoding="utf-8")
    return re.sub(r"(?s)<bdi>.*?</bdi>", " ", page)


def plain(part: str) -> str:
    return " ".join(html.unescape(re.sub(r"(?s)<[^>]+>", "", part)).split())


def sentences(home: Path, snapshot: str) -> list[str]:
    """Return the texts of the page, and what its pictures say."""
    page = page_of(home, snapshot)
    labels = re.findall(r'aria-label="([^"]*)"', page)
    text = re.sub(r"(?s)<(style|svg|thead)\b.*?</\1>", " ", page)
    parts = re.split(r"(?s)</?(?:p|li|dd|dt|td|th|h\d|caption|figcaption|tr|div|section)\b[^>]*>", text)
    return [html.unescape(label) for label in labels] + [text for part in parts if (text := plain(part))]


def cells(home: Path, snapshot: str, caption: str) -> list[list[str]]:
    """Return the rows of the table with this caption."""
    (table,) = re.findall(rf"(?s)<caption>{re.escape(caption)}</caption>(.*?)</table>", page_of(home, snapshot))
    rows = re.findall(r"(?s)<tr[^>]*>(.*?)</tr>", table.partition("</thead>")[2])
    return [[plain(cell) for cell in re.findall(r"(?s)<t[hd][^>]*>(.*?)</t[hd]>", row)] for row in rows]


def said(home: Path, snapshot: str, pattern: str) -> list[tuple[str, ...]]:
    """Return the groups of every sentence that begins with the pattern."""
    found = [re.match(pattern, text) for text in sentences(home, snapshot)]
    return [match.groups() for match in found if match]


def planned_segments(home: Path, snapshot: str) -> list[dict[str, Any]]:
    summaries = table(home, "personas.summaries", snapshot).dropna(subset=["cluster"])
    return records(summaries[summaries["study"] == "balanced_segments"])


def model_moved(home: Path, snapshot: str) -> float | None:
    """Return the share of creators with a segment in both snapshots that the model moved."""
    rows = table(home, "personas.migrations", snapshot).query("study == 'balanced_segments' and kind == 'both'")
    rows = rows[(rows["persona"] != NOT_ENOUGH_DATA) & (rows["persona_before"] != NOT_ENOUGH_DATA)]
    return float(rows["model_moved"].sum() / rows["creators"].sum()) if len(rows) else None


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]


def test_every_name_is_true_of_the_medians(home: Path, snapshot: str) -> None:
    features = table(home, "personas.features", snapshot).query("base == 'fitted'")
    basis = table(home, "clusters.fits", snapshot).drop_duplicates("study").set_index("study")["basis"]
    named = 0
    for (study, name), rows in features.groupby(["study", "persona"]):
        persona = PERSONAS.get((str(study), str(name), basis.get(study) or ""))
        if persona is not None:
            named += 1
            assert persona.fits(dict(zip(rows["feature"], rows["median"], strict=True))), (study, name)
    assert named


def test_every_verdict_follows_from_the_measured_rows(home: Path, snapshot: str) -> None:
    stability = table(home, "clusters.stability", snapshot)
    measured = {
        (row["study"], row["cluster"]): Measured(row["jaccard"], row["standard_error"], int(row["profiles"]))
        for row in records(stability)
    }
    summaries = table(home, "personas.summaries", snapshot).dropna(subset=["cluster"])
    for row in records(summaries):
        assert row["verdict"] == segment_verdict(measured[row["study"], row["cluster"]]).label
    counts = summaries[summaries["study"] == "balanced_segments"]["verdict"].value_counts()
    (said,) = {text for text in sentences(home, snapshot) if text.startswith("How reliable they are")}
    told = re.findall(r"(\d+) (?:is|are|has|have) (stable|a pattern|patterns|unstable|too small|not been)", said)
    words = {"a pattern": "pattern", "patterns": "pattern", "not been": "not measured"}
    assert {words.get(what, what): int(count) for count, what in told} == counts.to_dict()


def test_advice_is_given_only_where_the_verdict_allows_it(home: Path, snapshot: str) -> None:
    rows = records(table(home, "personas.summaries", snapshot).dropna(subset=["cluster"]))
    told = {row["recommendation"] for row in rows if VERDICTS[row["verdict"]].can_plan}
    kept_back = {row["recommendation"] for row in rows} - told
    page = " ".join(sentences(home, snapshot))
    assert [text for text in told if text not in page] == []
    assert [text for text in kept_back if text in page] == []


def test_seeds_are_said_to_agree_only_where_single_starts_do(home: Path, snapshot: str) -> None:
    runs = table(home, "clusters.stability_runs", snapshot)
    lowest = runs[runs["measure"] == "single_start_rand_index"].groupby("study")["value"].min()
    said = [text for text in sentences(home, snapshot) if "seeds find" in text]
    agree = {text for text in said if text.startswith("Other seeds find the same")}
    assert len(said) == len(lowest)
    assert len([text for text in said if text in agree]) == int((lowest >= SAME_SEGMENTS).sum())
    assert not [text for text in sentences(home, snapshot) if "1.00 or more" in text or "at least 1.00" in text]


def test_segments_stand_apart_only_where_none_is_tiny(home: Path, snapshot: str) -> None:
    summaries = table(home, "personas.summaries", snapshot).dropna(subset=["cluster"])
    shares = summaries["profiles_in_fit"] / summaries.groupby("study")["profiles_in_fit"].transform("sum")
    smallest = shares.groupby(summaries["study"]).min()
    said = [text for text in sentences(home, snapshot) if "the segments stand apart" in text]
    assert len(said) <= int((smallest >= TOO_FEW).sum())


def test_what_marks_a_segment_is_a_ratio_of_medians(home: Path, snapshot: str) -> None:
    features = table(home, "personas.features", snapshot).query("base == 'fitted'")
    ratios = {
        f"followers {row['relative_median'] + 1:.1f} times the median"
        for row in records(features[features["feature"] == "followers"])
        if 1.0 <= row["relative_median"] < 8.95
    }
    parts = [part for text in sentences(home, snapshot) for part in re.split(r"; |: |\.(?: |$)", text)]
    traits = [part for part in parts if re.fullmatch(r"followers \d\.\d times the median", part)]
    assert set(traits) <= ratios
    assert not [text for text in sentences(home, snapshot) if "the average" in text and "times" in text]


def test_the_headline_of_a_classifier_is_of_a_set_that_gives_nothing_away(home: Path, snapshot: str) -> None:
    sets = table(home, "classifiers.feature_sets", snapshot)
    metrics = table(home, "classifiers.metrics", snapshot)
    said = [text for text in sentences(home, snapshot) if "without features that reveal the label (" in text]
    chosen = sets.dropna(subset=["headline_model"])
    assert len(said) == len(chosen)
    for row in records(chosen):
        assert not row["gives_label_away"]
        value = metrics[
            (metrics["study"] == row["study"])
            & (metrics["feature_set"] == row["feature_set"])
            & (metrics["model"] == row["headline_model"])
            & (metrics["protocol"] == "honest")
            & (metrics["metric"] == "average_precision")
        ]["value"].iloc[0]
        assert [text for text in said if f"{value:.3f} (\u00b1" in text]


def test_a_prediction_is_the_score_at_the_threshold_of_the_card(home: Path, snapshot: str) -> None:
    models = table(home, "classifiers.models", snapshot).query("feature == 'threshold'")
    for study, scores in table(home, "classifiers.scores", snapshot).groupby("study"):
        threshold = models[models["study"] == study]["coefficient"].iloc[0]
        assert ((scores["score"] >= threshold) == scores["predicted"].astype(bool)).all(), study


def test_features_look_normal_only_if_the_stored_test_says_so(home: Path, snapshot: str) -> None:
    statistics = table(home, "features.statistics", snapshot)
    p = statistics[statistics["statistic"] == "normality_p"].set_index("feature")["value"]
    logs = p[[name for name in p.index if name.startswith("log_")]]
    for text in sentences(home, snapshot):
        if found := re.fullmatch(r"After the logarithm, (\d) of \d features look normal.*", text):
            assert int(found[1]) <= int((logs >= REJECTED).sum())


DEFINITIONS = re.compile(
    r".*http://127\.0\.0\.1.*|.*days ago|(below )?(nano|micro|mid|macro|mega):.*|.*a fraction such as.*"
    r"|.*a count such as.*|followers: expected.*|coefficient of variation.*|Published in: .*|.*, from 0 to 1"
    r"|.*\b5 %.*|Leak: .*"
)
"""Bounds of the program and of the labels, and units: the same whatever the snapshot."""

MAY_COINCIDE = re.compile(
    r".*: \d+ typical creators|(more reactions than followers; )?rate from \d.*|The study takes k = .*"
    r"|Creator report.*"
    r"|.*highest silhouette at k = .*|After the logarithm, .*|.* of the calibrated score.*|Largest difference: .*"
    r"|The published model relies .*|.*\(R\u00b2 .*"
)
"""Small figures that are computed, and may be the same in three snapshots."""


def test_a_number_that_every_snapshot_shows_is_a_definition(home: Path) -> None:
    """A figure that stays the same in three very different snapshots was not computed from them."""
    notes = ["".join(span.text for span in spans) for study in STUDIES.values() for spans in paragraphs(study.notes)]
    fixed = {" ".join(text.split()) for text in (*CAPTIONS.values(), *(term.text for term in glossary()), *notes)}
    shown = set.intersection(*(set(sentences(home, snapshot)) for snapshot in SNAPSHOTS))
    numbers = {text for text in shown if re.search(r"\d", text) and len(text.split()) > 3}
    assert len(numbers & fixed) > 10
    left = sorted(numbers - fixed)
    assert [text for text in left if not DEFINITIONS.fullmatch(text) and not MAY_COINCIDE.fullmatch(text)] == []


def test_the_first_minute_counts_what_the_tables_hold(home: Path, snapshot: str) -> None:
    ((valid, rejected),) = said(home, snapshot, r"Data: ([\d,]+) rows.* are valid and ([\d,]+) were rejected")
    assert valid == format_count(len(table(home, "validated.profiles", snapshot)))
    assert rejected == format_count(len(table(home, "validated.rejected", snapshot)))
    posting = table(home, "features.posting", snapshot)["activity"].value_counts()
    ((active, known, silent),) = said(home, snapshot, r"([\d,]+) of ([\d,]+) creators posted within.*?([\d,]+) have")
    assert active == format_count(posting.get("posting", 0))
    assert silent == format_count(posting.get("dormant", 0))
    assert known == format_count(posting.sum())
    plan = {row["persona"]: row for row in planned_segments(home, snapshot) if VERDICTS[row["verdict"]].can_plan}
    ((count, names),) = said(home, snapshot, r"Plan with (\d+) segments?: (.*) \(what to do with each\)")
    assert int(count) == len(plan) > 0
    listed = ", ".join(f"{name} ({format_percent(row['share'], 0)} of all)" for name, row in plan.items())
    assert names == listed


def test_what_changed_is_what_the_comparison_holds(home: Path, snapshot: str) -> None:
    (row,) = records(table(home, "creators.comparisons", snapshot))
    came = said(home, snapshot, r"Since (\S+), ([\d,]+) creators came and ([\d,]+) left")
    told = [
        (row["previous_snapshot"], format_count(row["arrivals"] + row["returned"]), format_count(row["departures"]))
    ]
    assert came == ([] if row["note"] else told)
    counts = said(home, snapshot, r"([\d,]+) of ([\d,]+) creators were in the snapshot of .* ([\d,]+) were renamed")
    told = [(format_count(row["in_both"]), format_count(row["creators"]), format_count(row["renamed"]))]
    assert counts == ([] if row["note"] else told)
    assert [text for text in sentences(home, snapshot) if text.startswith("Nothing can be compared")] == (
        [f"Nothing can be compared: {row['note']}."] if row["note"] else []
    )
    moved = said(home, snapshot, r".* moved to another segment .* For ([\d.]+%) it was the model")
    share = model_moved(home, snapshot)
    assert moved == ([] if share is None or row["note"] else [(format_percent(share),)])


def test_sizes_are_called_comparable_only_if_the_model_held_still(home: Path, snapshot: str) -> None:
    share = model_moved(home, snapshot)
    goes_on = [text for text in sentences(home, snapshot) if text.startswith("The segments continue those of")]
    assert bool(goes_on) == (snapshot != min(SNAPSHOTS))
    can_compare = share is not None and share <= MOST_MODEL_MOVED
    assert {text.endswith("so their sizes can be compared.") for text in goes_on} <= {can_compare}


def test_a_reason_of_the_shortlist_is_a_row_of_the_tables(home: Path, snapshot: str) -> None:
    rows = records(table(home, "creators.current", snapshot).dropna(subset=["times_expected"]))
    true = {
        (
            f"{row['times_expected']:.{0 if row['times_expected'] >= 9.95 else 1}f}",
            format_percent(row["avg_engagement_rate"]),
            format_percent(row["avg_engagement_rate_usual"]),
        )
        for row in rows
    }
    reasons = said(home, snapshot, r"([\d.,]+) times the usual engagement for the size \((\S+), usual (\S+)\)")
    assert len(reasons) >= 3
    assert [reason for reason in reasons if reason not in true] == []


def test_fair_rates_are_the_stored_benchmarks(home: Path, snapshot: str) -> None:
    stored = table(home, "creators.benchmarks", snapshot)
    tiers = stored[(stored["grouping"] == "tier") & (stored["figure"] == "avg_engagement_rate")]
    true = {
        row["group_name"]: [
            format_count(row["creators"]),
            *(format_percent(row[q]) for q in ("p25", "median", "p75", "p90")),
        ]
        for row in records(tiers)
    }
    caption = "Engagement rate by followers: likes and comments per video, divided by followers"
    shown = {first.partition(":")[0]: rest for first, *rest in cells(home, snapshot, caption)}
    assert shown
    assert shown == {name: true[name] for name in shown}


def test_the_figures_of_a_card_are_those_of_its_segment(home: Path, snapshot: str) -> None:
    medians = table(home, "personas.features", snapshot).query("base == 'fitted' and study == 'balanced_segments'")
    texts = set(sentences(home, snapshot))
    for row in planned_segments(home, snapshot):
        noun = "creator" if row["profiles"] == 1 else "creators"
        assert f"{format_count(row['profiles'])} {noun}, {format_percent(row['share'], 1)} of all" in texts
        values = medians[medians["persona"] == row["persona"]].set_index("feature")["median"]
        begins = f"{format_count(values['followers'])} followers, "
        ends = f", engagement rate {format_percent(values['avg_engagement_rate'])}"
        assert [text for text in texts if text.startswith(begins) and text.endswith(ends)], row["persona"]


def test_advice_for_a_whole_study_names_only_segments_to_plan_with(home: Path, snapshot: str) -> None:
    summaries = table(home, "personas.summaries", snapshot).dropna(subset=["cluster"])
    can_plan = {(row["study"], row["persona"]) for row in records(summaries) if VERDICTS[row["verdict"]].can_plan}
    page = set(sentences(home, snapshot))
    for study, name, _ in PERSONAS:
        advice = [text for text in STUDIES[study].recommendations if name.removeprefix("The ") in text]
        assert (study, name) in can_plan or not page & set(advice)


def test_the_titles_of_figures_tell_the_tables(home: Path, snapshot: str) -> None:
    followers = table(home, "validated.profiles", snapshot)["followers"]
    ((half, large),) = said(
        home, snapshot, r"Half of the profiles have at most (\S+) followers, 1 in 100 more than (\S+)"
    )
    assert half == format_short(float(followers.median()))
    assert large == format_short(float(followers.quantile(0.99)))
    summaries = table(home, "personas.summaries", snapshot).dropna(subset=["cluster"])
    stable = [int((rows["verdict"] == "stable").sum()) for _, rows in summaries.groupby("study")]
    told = said(home, snapshot, r"(\d+) of \d+ segments (?:is|are) stable")
    assert sorted(int(count) for (count,) in told) == sorted(stable)
