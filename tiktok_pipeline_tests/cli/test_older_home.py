"""A home that an older program made: every command says one line at most, and the next refresh makes it new."""

from __future__ import annotations

import csv
import gzip
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tiktok_pipeline.warehouse.duckdb.migrations import VERSION
from tiktok_pipeline_tests.homes import Home, Said

Call = Callable[..., Said]
OLD = Path(__file__).parents[1] / "warehouse" / "version_1"
KEY, STUDY = "2024-03-01", "influencer_segments"

READING = (
    ("doctor", "--quick"),
    ("snapshots",),
    ("sql", f"select count(*) from segments.{STUDY}"),
    ("sql", "--warehouse", "select count(*) from raw.profiles"),
    ("trace", "creator00009"),
    ("export", STUDY, "--out", "OUT"),
    ("changes",),
    ("history", "creator00009"),
    ("report",),
    ("backup", "BACKUP"),
)
WRITING = (
    ("prune", "--keep", "1", "--yes"),
    ("forget", "creator00009", "--yes"),
    ("withdraw", "--snapshot", KEY, "--yes"),
    ("doctor", "--fix"),
    ("refresh", "--resume"),
    ("refresh", "--all", "--study", STUDY),
)


@pytest.fixture
def older(tmp_path: Path) -> Home:
    """A home as version 1 of the program left it, without Dagster's records."""
    home = Home(tmp_path / "home")
    raw = home.settings.raw / KEY
    for target, name in ((home.settings.warehouse_file, "warehouse"), (home.settings.published_file, "published")):
        target.parent.mkdir(parents=True)
        target.write_bytes(gzip.decompress((OLD / f"{name}.duckdb.gz").read_bytes()))
    raw.mkdir(parents=True)
    for name in ("manifest.json", "v1_profiles_2024-03-01.csv"):
        shutil.copy(OLD / name, raw / name)
    return home


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [*READING, *WRITING], ids=lambda arguments: " ".join(arguments[:2]))
def test_a_command_on_an_older_home_ends_in_order(
    older: Home, call: Call, arguments: tuple[str, ...], tmp_path: Path
) -> None:
    places = {"OUT": str(tmp_path / "out.csv"), "BACKUP": str(tmp_path / "backup")}
    result = call(older.path, *(places.get(argument, argument) for argument in arguments))
    assert "Error:" not in result.out + result.err
    assert len(result.problems) == (result.code != 0 and arguments[0] != "doctor")
    assert result.code in (0, 1)
    if arguments in WRITING:
        assert call(older.path, "doctor").code == 0


@pytest.mark.slow
def test_an_older_home_is_whole_after_the_refresh_that_is_advised(older: Home, call: Call, tmp_path: Path) -> None:
    before = older.sql("select account_id, followers, likes from validated.profiles order by 1", published=True)
    assert "run `tiktok-pipeline refresh --all`" in call(older.path, "changes").err
    assert call(older.path, "refresh", "--all", "--study", STUDY).code == 0
    after = older.sql("select account_id, followers, likes from validated.profiles order by 1", published=True)
    assert after == before
    assert older.value("select version from meta.version", published=True) == VERSION
    assert "no earlier snapshot" in call(older.path, "changes").err
    for arguments in [arguments for arguments in READING if arguments != ("changes",)]:
        places = {"OUT": str(tmp_path / "out.csv"), "BACKUP": str(tmp_path / "backup")}
        result = call(older.path, *(places.get(argument, argument) for argument in arguments))
        assert (result.code, result.problems) == (0, []), arguments
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        assert len(list(csv.reader(file))) == len(before) + 1
