"""The truth of the sample: it says what the files say, and the pipeline finds what it says."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from tiktok_pipeline.creators.figures import SMALLEST_GAIN
from tiktok_pipeline.creators.notices import FEWEST_PEERS
from tiktok_pipeline.creators.schema import COMPARISONS_TABLE, GROWTH_TABLE, IDENTITIES_TABLE
from tiktok_pipeline.sample import truth_table, write_sample
from tiktok_pipeline.sample.flaws import FLAWS
from tiktok_pipeline.sample.truth import STALLED_BELOW
from tiktok_pipeline.warehouse.base import TableSpec
from tiktok_pipeline_tests.creators.homes import CreatorHome
from tiktok_pipeline_tests.homes import ONE_STUDY, Home

SETTINGS: dict[str, Any] = {"profiles": 4_000, "snapshots": 3, "random_state": 3}
NUMBERS = ("followers", "following", "likes", "videos_count")


def frame_of(**settings: Any) -> pd.DataFrame:
    frame: pd.DataFrame = truth_table(**settings).to_pandas()
    return frame


@pytest.fixture(scope="module")
def truth() -> pd.DataFrame:
    return frame_of(**SETTINGS)


@pytest.fixture(scope="module")
def found(truth: pd.DataFrame) -> CreatorHome:
    """The tables of stage ``creators`` of profiles as the truth has them, without the flaws of files."""
    home = CreatorHome()
    there = truth[truth["presence"] != "left"]
    for snapshot, rows in there.groupby("snapshot"):
        home.arrive(str(snapshot), [_profile(row) for row in rows.to_dict("records")])
    return home


def _profile(row: dict[Any, Any]) -> dict[str, Any]:
    counts = {name: int(row[name]) for name in NUMBERS}
    observed = pd.Timestamp(row["observed_on"]).date()
    return {"account_id": row["handle"], "tiktok_id": row["tiktok_id"], "observed_on": observed, **counts} | {
        "source_file": "f",
        "source_row": int(row["creator"]),
    }


def compared(truth: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of creators that are in the snapshot before, too."""
    return truth[truth["course"].notna()]


def stored(found: CreatorHome, table: TableSpec, truth: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a table of all snapshots."""
    keys = sorted(truth["snapshot"].unique())
    return pd.concat([found.rows(table, key).assign(snapshot=key) for key in keys])


def test_a_row_for_each_creator_and_snapshot_and_one_for_the_departure(truth: pd.DataFrame) -> None:
    assert not truth.duplicated(["snapshot", "creator"]).any()
    keys = sorted(truth["snapshot"].unique())
    assert keys == ["2024-03-04", "2024-04-01", "2024-04-29"]
    there = {key: set(truth.query("snapshot == @key and presence != 'left'")["creator"]) for key in keys}
    for before, now in pairwise(keys):
        rows = truth[truth["snapshot"] == now].set_index("creator")["presence"]
        assert set(rows.index[rows == "left"]) == there[before] - there[now]
        assert set(rows.index[rows == "joined"]) == there[now] - there[before]
        assert set(rows.index[rows == "present"]) == there[now] & there[before]
    assert 0.03 < (truth["presence"] == "left").sum() / len(compared(truth)) < 0.05
    assert truth.query("snapshot == '2024-03-04'")["course"].isna().all()


def test_before_is_the_row_of_the_snapshot_before(truth: pd.DataFrame) -> None:
    later = {"2024-03-04": "2024-04-01", "2024-04-01": "2024-04-29"}
    before = truth[truth["presence"] != "left"].assign(snapshot=lambda rows: rows["snapshot"].map(later))
    pairs = compared(truth).merge(before, on=["snapshot", "creator"], suffixes=("", "_then"))
    assert len(pairs) == len(compared(truth))
    assert (pairs["tiktok_id"] == pairs["tiktok_id_then"]).all()
    assert (pairs["handle_before"] == pairs["handle_then"]).all()
    assert (pairs["followers_before"] == pairs["followers_then"]).all()
    assert ((pairs["handle"] != pairs["handle_before"]) == pairs["is_renamed"].astype(bool)).all()
    days = (pd.to_datetime(pairs["observed_on"]) - pd.to_datetime(pairs["observed_on_then"])).dt.days
    assert (days == pairs["days"]).all()
    growth = (pairs["followers"] / pairs["followers_before"]) ** (30 / pairs["days"]) - 1
    np.testing.assert_allclose(pairs["growth_30_days"], growth, rtol=1e-12)


def test_courses_are_as_they_are_defined(truth: pd.DataFrame) -> None:
    rows = compared(truth)
    growth = rows.groupby("course")["growth_30_days"]
    assert growth.min()["grew"] >= STALLED_BELOW
    assert growth.max()["shrank"] <= -STALLED_BELOW
    assert max(abs(growth.min()["stalled"]), growth.max()["stalled"]) < STALLED_BELOW
    factor = rows["followers"] / rows["followers_before"]
    assert factor[rows["course"] == "jumped"].min() > 1.5
    share = rows["course"].value_counts(normalize=True)
    assert min(share["grew"], share["shrank"], share["stalled"]) > 0.15
    assert 0.0005 < share["jumped"] < 0.01
    assert 0.003 < rows["is_renamed"].astype(bool).mean() < 0.01


def test_the_files_say_what_the_truth_says(truth: pd.DataFrame, tmp_path: Path) -> None:
    *files, stored = write_sample(
        tmp_path, **SETTINGS, activity=0, file_format="parquet", truth=tmp_path / "truth.parquet"
    )
    pd.testing.assert_frame_equal(pq.read_table(stored).to_pandas(), truth)
    delivered = pd.concat([pq.read_table(file).to_pandas().assign(snapshot=file.stem[-10:]) for file in files])
    rows = truth[truth["presence"] != "left"].merge(
        delivered.drop_duplicates(["snapshot", "id"]),
        left_on=["snapshot", "tiktok_id"],
        right_on=["snapshot", "id"],
        suffixes=("", "_file"),
    )
    assert len(rows) == (truth["presence"] != "left").sum()
    sound = rows[rows["flaw"].isna()]
    assert (sound["handle"] == sound["account_id"]).all()
    assert (sound["observed_on"] == sound["timestamp"]).all()
    for name in NUMBERS:
        assert (sound[name].astype(int).astype(str) == sound[f"{name}_file"]).all(), name
    column = {flaw: name for flaw, name, _ in FLAWS}
    for flaw, spoiled in rows.groupby("flaw"):
        name = {"account_id": "handle", "timestamp": "observed_on"}.get(column[str(flaw)], column[str(flaw)])
        if name in NUMBERS and flaw not in {"followers in thousands", "likes with a comma"}:
            assert (spoiled[name].astype(int).astype(str) != spoiled[f"{name}_file"]).all(), flaw


def test_renames_are_found_by_id_all_and_none_invented(truth: pd.DataFrame, found: CreatorHome) -> None:
    rows = stored(found, IDENTITIES_TABLE, truth)
    seen = rows[rows["previous_account_id"].notna() & (rows["previous_account_id"] != rows["account_id"])]
    renamed = truth[truth["is_renamed"].fillna(value=False).astype(bool)]
    assert len(renamed) > 20
    assert set(zip(seen["snapshot"], seen["previous_account_id"], seen["account_id"], strict=True)) == set(
        zip(renamed["snapshot"], renamed["handle_before"], renamed["handle"], strict=True)
    )


def test_arrivals_and_departures_are_counted(truth: pd.DataFrame, found: CreatorHome) -> None:
    for key in sorted(truth["snapshot"].unique())[1:]:
        (row,) = found.rows(COMPARISONS_TABLE, key).to_dict("records")
        presence = truth.loc[truth["snapshot"] == key, "presence"].value_counts()
        assert row["arrivals"] == presence["joined"]
        assert row["departures"] == presence["left"]
        assert row["in_both"] == presence["present"]
        assert row["returned"] == 0


def test_growth_is_the_true_one_and_jumps_have_a_flag(truth: pd.DataFrame, found: CreatorHome) -> None:
    growth = stored(found, GROWTH_TABLE, truth)
    rows = compared(truth).merge(
        growth, left_on=["snapshot", "handle"], right_on=["snapshot", "account_id"], suffixes=("", "_found")
    )
    assert len(rows) == len(compared(truth)) == len(growth)
    assert (rows["followers"] - rows["followers_before"] == rows["followers_gained"]).all()
    assert (rows["days"] == rows["days_found"]).all()
    np.testing.assert_allclose(
        rows["growth_30_days"], rows["growth_30_days_found"].astype(float), rtol=1e-9, atol=1e-12
    )
    is_flagged = rows["flags"].fillna("").astype(str).str.contains("followers grew by")
    large = (rows["followers_gained"] >= SMALLEST_GAIN) & (rows["peers"] >= FEWEST_PEERS)
    jumped = (rows["course"] == "jumped") & large
    assert jumped.sum() > 8
    assert is_flagged[jumped].all()
    assert is_flagged[~jumped].sum() <= 2
    fell = rows["flags"].fillna("").astype(str).str.contains("followers fell by")
    assert (rows["followers"] < rows["followers_before"]).mean() > 0.2
    assert 0 < fell.mean() < 0.01
    assert (rows.loc[fell, "followers"] < 0.95 * rows.loc[fell, "followers_before"]).all()


@pytest.mark.slow
def test_the_pipeline_finds_the_truth_in_the_files(truth: pd.DataFrame, tmp_path: Path) -> None:
    from dagster import AssetSelection

    files = write_sample(tmp_path / "scrapes", **SETTINGS, activity=0)
    home = Home(tmp_path / "home", studies=ONE_STUDY)
    home.deliver(*files)
    graph = home.definitions.resolve_asset_graph()
    chosen = sorted(AssetSelection.groups("raw", "validated", "features", "creators").resolve(graph))
    assert all(home.refresh(key, selection=chosen).success for key in sorted(truth["snapshot"].unique()))
    valid = set(home.sql("select snapshot, tiktok_id from validated.profiles"))
    is_valid = pd.Series(
        [pair in valid for pair in zip(truth["snapshot"], truth["tiktok_id"], strict=True)], index=truth.index
    )
    assert len(valid) == is_valid.sum()
    both = compared(truth)
    sound = both[both["flaw"].isna()]
    assert is_valid[sound.index].all()
    growth = {
        (snapshot, handle): (before, then, gained, rate)
        for snapshot, handle, before, then, gained, rate in home.sql(
            "select snapshot, account_id, previous_snapshot, previous_account_id, followers_gained, growth_30_days "
            "from creators.growth"
        )
    }
    spoiled = truth[truth["flaw"].notna()]
    spoiled_before = set(zip(spoiled["snapshot"], spoiled["tiktok_id"], strict=True))
    before = {"2024-04-01": "2024-03-04", "2024-04-29": "2024-04-01"}
    for row in sound.to_dict("records"):
        if (before[row["snapshot"]], row["tiktok_id"]) not in spoiled_before:
            key, handle, gained, rate = growth[row["snapshot"], row["handle"]]
            assert (key, handle) == (before[row["snapshot"]], row["handle_before"])
            assert gained == row["followers"] - row["followers_before"]
            assert rate == pytest.approx(row["growth_30_days"], rel=1e-9, abs=1e-12)


def test_csv_of_the_truth_has_the_same_rows(tmp_path: Path) -> None:
    few: dict[str, Any] = {"profiles": 200, "snapshots": 2, "random_state": 5}
    *_, path = write_sample(tmp_path, **few, activity=0, truth=tmp_path / "truth.csv")
    read = pd.read_csv(path, dtype={"tiktok_id": str, "is_renamed": object})
    expected = frame_of(**few)
    assert list(read) == list(expected)
    assert read["handle"].fillna("").tolist() == expected["handle"].fillna("").tolist()
    np.testing.assert_array_equal(read["growth_30_days"], expected["growth_30_days"])
