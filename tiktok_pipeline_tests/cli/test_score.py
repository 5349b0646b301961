"""``tiktok-pipeline score``: the creators of a file in the segments of a model that is there already."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from tiktok_pipeline.clusters.model import from_frame
from tiktok_pipeline_tests.homes import Home, Said
from tiktok_pipeline_tests.scrapes import creators, write_csv

STUDY = "influencer_segments"
Call = Callable[..., Said]


def files_of(home: Path) -> dict[str, tuple[int, int]]:
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in home.rglob("*") if path.is_file()}


def scored(call: Call, home: Home, file: Path, *options: str | Path) -> tuple[list[dict[str, Any]], str]:
    result = call(home.path, "score", file, "--study", STUDY, "--format", "json", *options)
    assert result.code == 0, result.err
    rows: list[dict[str, Any]] = json.loads(result.out)
    return rows, result.err


@pytest.mark.parametrize("newest", [True, False])
def test_a_delivered_file_has_the_segments_of_its_snapshot(refreshed_home: Home, call: Call, *, newest: bool) -> None:
    snapshots = sorted(key for (key,) in refreshed_home.sql("select distinct snapshot from clusters.models"))
    key = snapshots[-1 if newest else 0]
    (scrape,) = (refreshed_home.settings.raw / key).glob("profiles*.csv")
    before = files_of(refreshed_home.path)
    rows, notes = scored(call, refreshed_home, scrape, *([] if newest else ["--snapshot", key]))
    found = [(row["account_id"], row["persona"], row["cluster"], row["margin"], row["distance"]) for row in rows]
    assert sorted(found) == refreshed_home.sql(
        "select account_id, persona, cluster, margin, distance from segments.influencer_segments_history "
        f"where snapshot = '{key}' order by all",
        published=True,
    )
    assert {row["model_of"] for row in rows} == {key}
    assert f"the model of study {STUDY} in snapshot {key}" in notes
    assert files_of(refreshed_home.path) == before, "nothing is stored"


def test_the_runner_up_is_the_second_nearest_segment(refreshed_home: Home, call: Call) -> None:
    key = refreshed_home.value("select max(snapshot) from clusters.models")
    (scrape,) = (refreshed_home.settings.raw / key).glob("profiles*.csv")
    rows = [row for row in scored(call, refreshed_home, scrape)[0] if not row["missing"]]
    columns = "cluster, feature, position, transform, fill, center, scale, centroid"
    stored = refreshed_home.sql(f"select {columns} from clusters.models where snapshot = '{key}'")
    model = from_frame(pd.DataFrame(stored, columns=columns.split(", ")))
    assert model is not None
    personas = dict(refreshed_home.sql(f"select cluster, persona from personas.summaries where snapshot = '{key}'"))
    matrix = model.transform(pd.DataFrame(rows))
    distances = np.linalg.norm(matrix[:, None, :] - model.centroids[None, :, :], axis=2)
    assert [row["runner_up"] for row in rows] == [personas[int(place)] for place in distances.argsort(axis=1)[:, 1]]


def test_a_short_list_says_what_was_left_out_and_what_is_missing(
    refreshed_home: Home, call: Call, tmp_path: Path
) -> None:
    listed = creators(6)
    listed[1]["followers"] = "-1"
    for name in ("awg_engagement_rate", "comment_engagement_rate", "like_engagement_rate"):
        listed[2][name] = ""
    for row in listed:
        row["timestamp"] = ""  # a short list has no date
    file = write_csv(tmp_path / "shortlist.csv", listed)
    rows, notes = scored(call, refreshed_home, file)
    assert len(rows) == 5
    assert "1 row is not among them: followers: expected 0 to" in notes
    assert "1 creator has no segment, because a feature of the model is missing: engagement rate, comments" in notes
    (without,) = [row for row in rows if row["missing"]]
    assert (without["persona"], without["margin"], without["runner_up"]) == ("Not enough data", None, None)
    assert [row["account_id"] for row in rows] == [row["account_id"] for row in listed if row is not listed[1]]


@pytest.mark.parametrize("ending", ["csv", "xlsx", "parquet", "json"])
def test_the_rows_are_written_to_a_file(refreshed_home: Home, call: Call, tmp_path: Path, ending: str) -> None:
    file, output = write_csv(tmp_path / "shortlist.csv", creators(3)), tmp_path / f"scored.{ending}"
    result = call(refreshed_home.path, "score", file, "--study", STUDY, "--output", output)
    assert (result.code, result.out) == (0, f"{output}\n")
    readers: dict[str, Callable[[Path], pd.DataFrame]] = {
        "csv": pd.read_csv,
        "xlsx": lambda path: pd.read_excel(path, engine="calamine"),
        "parquet": lambda path: pq.read_table(path).to_pandas(),
        "json": pd.read_json,
    }
    table = readers[ending](output)
    assert list(table.columns[:4]) == ["account_id", "persona", "margin", "runner_up"]
    assert len(table) == 3
    again = call(refreshed_home.path, "score", file, "--study", STUDY, "--output", output)
    assert (again.code, "already exists" in again.err) == (2, True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--study", "balanced_segments"], "no snapshot has a model of study balanced_segments"),
        (["--study", STUDY, "--snapshot", "1999-01-01"], "no snapshot '1999-01-01' with a model of study"),
        (["--study", "no_such"], "no study 'no_such'"),
        (["--study", STUDY, "--output", "x.txt"], "expected a file that ends in"),
    ],
)
def test_a_wrong_option_is_refused_in_one_line(
    refreshed_home: Home, call: Call, tmp_path: Path, options: list[str], message: str
) -> None:
    result = call(refreshed_home.path, "score", write_csv(tmp_path / "a.csv", creators(3)), *options)
    assert result.code in (1, 2)
    (problem,) = result.problems
    assert message in problem
