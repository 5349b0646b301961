"""``withdraw`` and ``doctor --fix``: one thing is taken back or repaired, and everything else stays."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from dagster import DagsterInstance

from tiktok_pipeline.cli.console import FAILED, USAGE_ERROR
from tiktok_pipeline.home.manifest import read_manifest, snapshots_on_disk
from tiktok_pipeline.orchestration.partitions import add_snapshots, delete_snapshot, known_snapshots
from tiktok_pipeline_tests.homes import Home, Said, run_command_line
from tiktok_pipeline_tests.scrapes import creators, write_csv

pytestmark = pytest.mark.slow

Call = Callable[..., Said]
STUDY = "influencer_segments"
MARCH, APRIL = "2024-03-01", "2024-04-01"


@pytest.fixture(scope="module")
def refreshed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A refreshed home: one file in March; a good and a bad one in April, for which April is refused."""
    folder = tmp_path_factory.mktemp("withdraw")
    rows_of_bad = creators(90, seed=3, day=APRIL)
    bad = [row | {"followers": "many", "account_id": f"bad{place}"} for place, row in enumerate(rows_of_bad)]
    with pytest.MonkeyPatch.context() as patch:
        for rows, name in (
            (creators(60, day=MARCH), "march.csv"),
            (creators(60, seed=2, day=APRIL), "april.csv"),
        ):
            file = write_csv(folder / name, rows)
            assert run_command_line(patch, folder / "home", "refresh", file, "--study", STUDY) == 0
        spoiling = write_csv(folder / "bad.csv", bad)
        assert run_command_line(patch, folder / "home", "refresh", spoiling, "--study", STUDY) == FAILED
    return folder / "home"


@pytest.fixture
def home(refreshed: Path, tmp_path: Path) -> Home:
    shutil.copytree(refreshed, tmp_path / "home")
    return Home(tmp_path / "home")


def valid_rows(home: Home) -> list[tuple[str, int]]:
    return home.sql("select snapshot, count(*) from validated.profiles group by all order by all", published=True)


def test_a_withdrawal_that_was_killed_after_the_files_were_gone_is_finished(home: Home, call: Call) -> None:
    shutil.rmtree(home.settings.raw / MARCH)
    withdrawn = call(home.path, "withdraw", "--snapshot", MARCH, "--yes")
    assert (withdrawn.code, f"removed {MARCH}" in withdrawn.err) == (0, True), withdrawn.err
    assert home.sql(f"select count(*) from validated.profiles where snapshot = '{MARCH}'") == [(0,)]
    with DagsterInstance.from_config(str(home.settings.dagster_home)) as instance:
        assert MARCH not in known_snapshots(instance)
    assert call(home.path, "withdraw", "--snapshot", MARCH, "--yes").code == USAGE_ERROR


def test_a_file_that_spoils_its_snapshot_is_named_and_can_be_withdrawn(home: Home, call: Call) -> None:
    again = call(home.path, "refresh", "--all", "--snapshot", APRIL, "--study", STUDY)
    assert again.code == FAILED
    assert "bad.csv has the most, 90 of its 90 rows; " in again.err
    assert "to take the file back: `tiktok-pipeline withdraw bad.csv`" in again.err
    withdrawn = call(home.path, "withdraw", "bad.csv", "--yes")
    assert withdrawn.code == 0, withdrawn.err
    assert [entry.file for entry in read_manifest(home.settings.raw / APRIL)] == ["april.csv"]
    assert valid_rows(home) == [(MARCH, 60), (APRIL, 60)]
    assert call(home.path, "doctor").code == 0


def test_a_file_that_is_mostly_rejected_spoils_no_other_file_of_its_day(
    home: Home, call: Call, tmp_path: Path
) -> None:
    assert valid_rows(home) == [(MARCH, 60), (APRIL, 60)]
    assert home.sql(f"select count(*) from raw.profiles where snapshot = '{APRIL}'") == [(60,)]
    listed = call(home.path, "snapshots")
    assert f"snapshot {APRIL}: bad.csv is left out: 90 of its 90 rows are rejected" in listed.err
    doctor = call(home.path, "doctor")
    assert doctor.code == 0, doctor.out
    assert f"snapshot {APRIL}: bad.csv is left out: 90 of its 90 rows are rejected" in doctor.out
    more = write_csv(
        tmp_path / "april2.csv",
        [row | {"account_id": f"late{place}", "id": ""} for place, row in enumerate(creators(40, seed=9, day=APRIL))],
    )
    refreshed = call(home.path, "refresh", more, "--study", STUDY)
    assert refreshed.code == 0, refreshed.err
    assert valid_rows(home) == [(MARCH, 60), (APRIL, 100)]
    assert call(home.path, "doctor").code == 0


def test_a_file_that_was_left_out_is_not_there_already(home: Home, call: Call, tmp_path: Path) -> None:
    same = shutil.copy(home.settings.raw / APRIL / "bad.csv", tmp_path / "again.csv")
    again = call(home.path, "refresh", same, "--study", STUDY)
    assert again.code == FAILED
    assert "again.csv has the most, 90 of its 90 rows; " in again.err
    assert f"snapshot {APRIL}: computed without the files that are mostly rejected" in again.err
    assert valid_rows(home) == [(MARCH, 60), (APRIL, 60)]
    assert call(home.path, "doctor").code == 0


def test_the_only_file_of_a_day_spoils_no_later_one(call: Call, tmp_path: Path) -> None:
    rows = [row | {"followers": "many"} for row in creators(50, day=MARCH)]
    home = Home(tmp_path / "home")
    bad = write_csv(tmp_path / "bad.csv", rows)
    assert call(home.path, "refresh", bad, "--study", STUDY).code == FAILED
    good = write_csv(tmp_path / "good.csv", creators(60, seed=4, day=MARCH))
    refreshed = call(home.path, "refresh", good, "--study", STUDY)
    assert refreshed.code == 0, refreshed.err
    assert valid_rows(home) == [(MARCH, 60)]
    assert call(home.path, "withdraw", "bad.csv", "--yes").code == 0
    assert valid_rows(home) == [(MARCH, 60)]
    assert call(home.path, "doctor").code == 0


def test_the_only_file_of_a_snapshot_is_withdrawn_with_it(home: Home, call: Call) -> None:
    assert call(home.path, "withdraw", "march.csv", "--yes").code == 0
    assert snapshots_on_disk(home.settings.raw) == [APRIL]
    assert valid_rows(home) == [(APRIL, 60)]


@pytest.mark.parametrize("arguments", [[], ["none.csv", "--yes"], ["--snapshot", "2024-05-01", "--yes"]], ids=str)
def test_nothing_is_withdrawn_without_a_name_that_is_stored(home: Home, call: Call, arguments: list[str]) -> None:
    assert call(home.path, "withdraw", *arguments).code == USAGE_ERROR
    assert snapshots_on_disk(home.settings.raw) == [MARCH, APRIL]


def test_doctor_removes_mistyped_partitions_alone_and_adds_missing_ones(home: Home, call: Call) -> None:
    with DagsterInstance.from_config(str(home.settings.dagster_home)) as instance:
        add_snapshots(instance, ["not a date", "2024-03-09", "../../x"])
        delete_snapshot(instance, MARCH)
    findings = call(home.path, "doctor").out
    remedy = "-> run `tiktok-pipeline doctor --fix`"
    assert f"Dagster knows the partition 'not a date', which is not a snapshot {remedy}" in findings
    assert f"Dagster knows snapshot 2024-03-09, which has no files {remedy}" in findings
    assert f"Dagster does not know snapshot {MARCH} {remedy}" in findings
    call(home.path, "doctor", "--fix", "--yes")
    with DagsterInstance.from_config(str(home.settings.dagster_home)) as instance:
        assert known_snapshots(instance) == [MARCH, APRIL]
    assert valid_rows(home) == [(MARCH, 60), (APRIL, 60)]


def test_doctor_removes_a_snapshot_without_files_alone(home: Home, call: Call) -> None:
    shutil.rmtree(home.settings.raw / MARCH)
    assert call(home.path, "doctor").code == FAILED
    call(home.path, "doctor", "--fix", "--yes")
    assert valid_rows(home) == [(APRIL, 60)]
    assert "2024-03-01" not in call(home.path, "doctor").out


def test_a_mistyped_partition_does_not_break_a_refresh(home: Home, call: Call, tmp_path: Path) -> None:
    with DagsterInstance.from_config(str(home.settings.dagster_home)) as instance:
        add_snapshots(instance, ["not a date", "2024-03-09"])
        delete_snapshot(instance, MARCH)
    may = write_csv(tmp_path / "may.csv", creators(60, seed=4, day="2024-05-01"))
    assert call(home.path, "refresh", may, "--study", STUDY).code == 0
    assert valid_rows(home) == [(MARCH, 60), (APRIL, 60), ("2024-05-01", 60)]


@pytest.mark.parametrize("before", ["20240310", "2024-W10", "2024-3-10", "soon"])
def test_prune_takes_real_days_only(home: Home, call: Call, before: str) -> None:
    assert call(home.path, "prune", "--before", before, "--yes").code == USAGE_ERROR
    assert snapshots_on_disk(home.settings.raw) == [MARCH, APRIL]
