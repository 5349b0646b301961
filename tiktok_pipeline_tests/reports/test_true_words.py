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
from tiktok_pipeline.personas.verdict import VERDICTS, Measured, segment_verdict
from tiktok_pipeline.plots.distributions import REJECTED
from tiktok_pipeline.plots.stability import SAME_SEGMENTS
from tiktok_pipeline.reports.fit_model import TOO_FEW
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


def sentences(home: Path, snapshot: str) -> list[str]:
    """Return the texts of the page, and what its pictures say."""
    page = (home / "reports" / f"{snapshot}.html").read_text(encoding="utf-8")
    labels = re.findall(r'aria-label="([^"]*)"', page)
    text = re.sub(r"(?s)<(style|svg)\b.*?</\1>", " ", page)
    parts = re.split(r"(?s)</?(?:p|li|dd|dt|td|th|h\d|caption|figcaption|tr|div|section)\b[^>]*>", text)
    plain = [" ".join(html.unescape(re.sub(r"(?s)<[^>]+>", "", part)).split()) for part in parts]
    return [html.unescape(label) for label in labels] + [part for part in plain if part]


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
