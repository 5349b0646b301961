"""Every advice that ``doctor`` and a refused snapshot give is followed here, and settles what it was given for."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from dagster import DagsterInstance

from tiktok_pipeline.cli.console import FAILED
from tiktok_pipeline.home.cleanup import STAGING_PREFIX
from tiktok_pipeline.orchestration.maintenance import snapshots as snapshot_records
from tiktok_pipeline.orchestration.partitions import known_snapshots
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse
from tiktok_pipeline_tests.homes import Home, Said, run_command_line
from tiktok_pipeline_tests.scrapes import creators, write_csv

Call = Callable[..., Said]
STUDY = "influencer_segments"
MARCH, APRIL = "2024-03-01", "2024-04-01"


@pytest.fixture(scope="module")
def refreshed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A refreshed home with a file in March and one in April."""
    folder = tmp_path_factory.mktemp("advice")
    files = [
        write_csv(folder / "march.csv", creators(30, day=MARCH)),
        write_csv(folder / "april.csv", creators(30, seed=2, day=APRIL)),
    ]
    with pytest.MonkeyPatch.context() as patch:
        assert run_command_line(patch, folder / "home", "refresh", *files, "--study", STUDY) == 0
    return folder


@pytest.fixture
def home(refreshed: Path, tmp_path: Path) -> Home:
    shutil.copytree(refreshed / "home", tmp_path / "home")
    return Home(tmp_path / "home")


def valid_rows(home: Home) -> list[tuple[str, int]]:
    return home.sql("select snapshot, count(*) from validated.profiles group by all order by all", published=True)


def advised(text: str) -> list[str]:
    """Return the words of the last command that a text advises."""
    return shlex.split(re.findall(r"`tiktok-pipeline ([^`]*)`", text)[-1])


def remove_the_warehouse_rows(home: Home) -> None:
    import duckdb

    with duckdb.connect(str(home.settings.warehouse_file)) as connection:
        connection.execute(f"delete from validated.profiles where snapshot = '{APRIL}' and source_row = 20")


def remove_the_copy(home: Home) -> None:
    home.settings.published_file.unlink()


def forget_that_it_is_published(home: Home) -> None:
    import duckdb

    with duckdb.connect(str(home.settings.published_file)) as connection:
        connection.execute(f"delete from meta.slices where snapshot = '{APRIL}'")


def lose_the_rows_of_a_snapshot(home: Home) -> None:
    with DuckDBWarehouse(home.settings.warehouse_file) as warehouse:
        from tiktok_pipeline.tables import TABLES

        warehouse.drop_snapshots([table.spec for table in TABLES.values()], [APRIL])


@pytest.mark.slow
@pytest.mark.parametrize(
    "damage",
    [remove_the_warehouse_rows, remove_the_copy, forget_that_it_is_published, lose_the_rows_of_a_snapshot],
    ids=lambda damage: damage.__name__,
)
def test_the_refresh_that_doctor_advises_settles_it(home: Home, call: Call, damage: Callable[[Home], None]) -> None:
    damage(home)
    (finding, *_) = [line for line in call(home.path, "doctor").out.splitlines() if " -> " in line]
    for command in re.findall(r"`tiktok-pipeline ([^`]*)`", finding.partition("; or ")[0]):
        words = shlex.split(command)
        also = ["--study", STUDY] if words[0] == "refresh" else ["--yes"]
        assert call(home.path, *words, *also).code == 0
    assert " -> " not in call(home.path, "doctor").out
    assert valid_rows(home) == [(MARCH, 30), (APRIL, 30)]


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["changed", "missing", "no manifest"])
def test_a_file_that_doctor_wants_delivered_again_is_stored_again(
    home: Home, call: Call, refreshed: Path, damage: str
) -> None:
    stored = home.settings.raw / APRIL / "april.csv"
    match damage:
        case "changed":
            stored.chmod(0o600)
            stored.write_text(stored.read_text().replace("creator00001", "creator99999"))
        case "missing":
            stored.unlink()
        case "no manifest":
            stored.with_name("manifest.json").unlink()
    found = call(home.path, "doctor")
    assert (found.code, "deliver the file" in found.out) == (FAILED, True)
    if damage == "no manifest":  # the advice says to move the folder out first
        shutil.move(home.settings.raw / APRIL, home.path.with_name("moved"))
    assert call(home.path, "refresh", str(refreshed / "april.csv"), "--study", STUDY).code == 0
    assert call(home.path, "doctor").code == 0
    assert stored.read_text() == (refreshed / "april.csv").read_text()
    assert valid_rows(home) == [(MARCH, 30), (APRIL, 30)]


@pytest.mark.slow
def test_a_file_that_was_put_into_raw_is_moved_out_and_delivered(home: Home, call: Call, tmp_path: Path) -> None:
    stray = write_csv(home.settings.raw / APRIL / "more.csv", creators(40, seed=5, day=APRIL))
    assert "not in the manifest -> move it out of raw/, and deliver it" in call(home.path, "doctor").out
    moved = shutil.move(stray, tmp_path / "more.csv")
    assert call(home.path, "refresh", str(moved), "--study", STUDY).code == 0
    assert " -> " not in call(home.path, "doctor").out


@pytest.mark.slow
def test_the_rights_and_leftovers_that_doctor_names_are_settled_by_its_advice(home: Home, call: Call) -> None:
    home.path.chmod(0o755)
    home.settings.raw.chmod(0o755)
    (home.settings.raw / f"{STAGING_PREFIX}x").mkdir()
    found = [line for line in call(home.path, "doctor").out.splitlines() if " -> " in line]
    assert len(found) == 2
    assert f"chmod o= {home.settings.raw}" in found[0]
    home.settings.raw.chmod(0o750)
    assert "the next refresh removes it" in found[1]
    assert call(home.path, "refresh", "--study", STUDY).code == 0
    assert " -> " not in call(home.path, "doctor").out


@pytest.mark.slow
@pytest.mark.parametrize("step", ["drop_snapshots", "publish", "delete_records"])
@pytest.mark.parametrize("between", [[], ["refresh", "--study", STUDY]], ids=["at once", "after a refresh"])
def test_a_killed_prune_is_finished_by_its_rerun_and_no_refresh_brings_the_snapshot_back(
    home: Home, call: Call, monkeypatch: pytest.MonkeyPatch, step: str, between: list[str]
) -> None:
    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        if step == "delete_records":
            patch.setattr(snapshot_records, "delete_snapshot_records", killed)
        else:
            patch.setattr(DuckDBWarehouse, step, killed)
        assert call(home.path, "prune", "--keep", "1", "--yes").code == 130
    if between:
        call(home.path, *between)
        assert [path.name for path in home.settings.raw.iterdir()] == [APRIL]
    assert call(home.path, "prune", "--keep", "1", "--yes").code == 0
    assert valid_rows(home) == [(APRIL, 30)]
    with DagsterInstance.from_config(str(home.settings.dagster_home)) as instance:
        assert known_snapshots(instance) == [APRIL]
    assert " -> " not in call(home.path, "doctor").out


@pytest.mark.slow
def test_the_query_that_a_first_refusal_advises_shows_the_reasons(tmp_path: Path, call: Call) -> None:
    rows = [row | {"followers": "many"} for row in creators(30, day=MARCH)]
    refused = call(tmp_path / "home", "refresh", str(write_csv(tmp_path / "bad.csv", rows)), "--study", STUDY)
    assert refused.code == FAILED
    query = next(
        words
        for text in re.findall(r"`tiktok-pipeline ([^`]*)`", refused.err)
        if (words := shlex.split(text))[0] == "sql"
    )
    shown = call(tmp_path / "home", *query)
    assert (shown.code, shown.problems) == (0, [])
    assert "followers: many is not a count" in shown.out
    assert "30" in shown.out
