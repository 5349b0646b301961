"""A damaged file of the home: ``doctor`` exits with 1, and each command names file and remedy in one line."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tiktok_pipeline.cli.console import FAILED
from tiktok_pipeline_tests.homes import Home, Said

Call = Callable[..., Said]


def break_bits(path: Path, *, every: int) -> None:
    """Flip a bit in every so many bytes, behind the header."""
    path.chmod(0o600)
    content = bytearray(path.read_bytes())
    for place in range(16_384, len(content), every):
        content[place] ^= 4
    path.write_bytes(content)


@pytest.mark.parametrize("name", ["warehouse_file", "published_file"])
def test_a_damaged_database_is_named_by_doctor_and_its_readers(copied_home: Home, call: Call, name: str) -> None:
    path: Path = getattr(copied_home.settings, name)
    break_bits(path, every=50_000)
    result = call(copied_home.path, "doctor")
    assert result.code == FAILED
    (line,) = [line for line in result.out.splitlines() if f"{path}: this database file is damaged" in line]
    assert line.startswith("ERROR")
    assert "tiktok-pipeline restore DIR" in line
    option = ["--warehouse"] if name == "warehouse_file" else []
    said = call(copied_home.path, "sql", *option, "select bit_xor(hash(p)) from validated.profiles as p")
    assert (said.code, len(said.problems)) == (FAILED, 1)
    assert str(path) in said.problems[0]


@pytest.mark.parametrize("length", [0, 20, 300_000])
@pytest.mark.parametrize("arguments", [("prune", "--keep", "1", "--yes"), ("doctor", "--quick")], ids=" ".join)
def test_a_warehouse_that_was_cut_short_is_one_line(
    copied_home: Home, call: Call, arguments: tuple[str, ...], length: int
) -> None:
    os.truncate(copied_home.settings.warehouse_file, length)
    result = call(copied_home.path, *arguments)
    assert result.code == FAILED
    assert "Traceback" not in result.err + result.out
    assert str(copied_home.settings.warehouse_file) in result.err + result.out


@pytest.mark.slow
def test_the_advice_of_doctor_brings_a_damaged_warehouse_back(copied_home: Home, call: Call) -> None:
    before = copied_home.tables()
    os.truncate(copied_home.settings.warehouse_file, 300_000)
    assert call(copied_home.path, "doctor", "--fix", "--yes").code == 0
    assert call(copied_home.path, "refresh", "--all", "--study", "influencer_segments").code == 0
    assert call(copied_home.path, "doctor").code == 0
    assert copied_home.tables() == before


def test_damaged_records_of_dagster_are_an_error_of_doctor(copied_home: Home, call: Call) -> None:
    path = copied_home.settings.dagster_home / "history" / "runs.db"
    os.truncate(path, path.stat().st_size // 2)
    result = call(copied_home.path, "doctor", "--quick")
    assert result.code == FAILED
    assert f"{path}: Dagster's records are damaged" in result.out


def test_a_flipped_bit_anywhere_in_the_published_file_is_an_error_of_doctor(copied_home: Home, call: Call) -> None:
    path = copied_home.settings.published_file
    path.chmod(0o600)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    result = call(copied_home.path, "doctor")
    assert result.code == FAILED
    (line,) = [line for line in result.out.splitlines() if line.startswith("ERROR")]
    assert f"{path}: this database file is damaged" in line
    assert "doctor --fix" in line


def test_cells_that_another_program_changed_are_an_error_of_doctor(copied_home: Home, call: Call) -> None:
    with duckdb.connect(str(copied_home.settings.warehouse_file)) as connection:
        connection.execute("update validated.profiles set followers = followers + 1 where snapshot = '2024-03-01'")
    result = call(copied_home.path, "doctor")
    assert result.code == FAILED
    (line,) = [line for line in result.out.splitlines() if line.startswith("ERROR")]
    assert "validated.profiles 2024-03-01 : followers: other cells than were written" in line
    assert line.endswith("-> run `tiktok-pipeline refresh --all`")


def test_settings_of_dagster_that_a_person_changed_are_named(copied_home: Home, call: Call) -> None:
    path = copied_home.settings.dagster_home / "dagster.yaml"
    settings = path.read_text(encoding="utf-8").partition("\n")[2]  # the file says that its first line goes
    path.write_text(settings.replace("max_retries: 3", "max_retries: 7"), encoding="utf-8")
    result = call(copied_home.path, "doctor", "--quick")
    assert result.code == 0
    assert f"WARNING {path}: changed by a person" in result.out


@pytest.mark.slow
@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:-200],
        lambda text: text[:20],
        lambda _: "",
        lambda text: text.replace("max_retries: 3", "max_retries: 7"),
        lambda text: text.replace("Written by", "Wrixten by"),
    ],
    ids=["cut off", "cut off in its first line", "empty", "another number", "another first line"],
)
def test_damaged_settings_of_dagster_are_an_error_and_the_advice_settles_it(
    copied_home: Home, call: Call, damage: Callable[[str], str]
) -> None:
    path = copied_home.settings.dagster_home / "dagster.yaml"
    path.write_text(damage(path.read_text(encoding="utf-8")), encoding="utf-8")
    result = call(copied_home.path, "doctor", "--quick")
    assert result.code == FAILED
    assert f"ERROR   {path}: damaged -> delete it: the next command recreates it" in result.out
    path.unlink()
    assert call(copied_home.path, "forget", "somebody_else", "--yes").code == 0
    assert call(copied_home.path, "doctor", "--quick").code == 0


BROKEN_MANIFESTS: dict[str, Callable[[list[dict[str, Any]]], str]] = {
    "cut off": lambda entries: json.dumps(entries)[:100],
    "no entries": lambda _: "null",
    "an unknown key": lambda entries: json.dumps([entries[0] | {"more": 1}]),
    "a text for a number": lambda entries: json.dumps([entries[0] | {"rows": "many"}]),
    "a list for a mapping": lambda entries: json.dumps([entries[0] | {"columns": [1]}]),
    "a file of another folder": lambda entries: json.dumps([entries[0] | {"file": "../../forgotten.json"}]),
}


@pytest.mark.parametrize("damage", BROKEN_MANIFESTS)
def test_a_damaged_manifest_is_one_line(copied_home: Home, call: Call, damage: str) -> None:
    path = copied_home.settings.raw / "2024-03-01" / "manifest.json"
    path.write_text(BROKEN_MANIFESTS[damage](json.loads(path.read_text(encoding="utf-8"))), encoding="utf-8")
    result = call(copied_home.path, "snapshots")
    assert (result.code, len(result.problems)) == (FAILED, 1)
    assert f"{path}: damaged" in result.problems[0]
    assert call(copied_home.path, "doctor", "--quick").code == FAILED


@pytest.mark.parametrize("content", [b"a: [\n", b"\xff\xfe", b"run_coordinator: 5\n"])
def test_a_broken_dagster_yaml_is_one_line(copied_home: Home, call: Call, content: bytes) -> None:
    (copied_home.settings.dagster_home / "dagster.yaml").write_bytes(content)
    result = call(copied_home.path, "forget", "somebody_else", "--yes")
    assert result.code == FAILED
    assert "dagster.yaml: Dagster cannot read these settings" in result.problems[-1]


def test_a_backup_is_verified_and_restored(copied_home: Home, call: Call, tmp_path: Path) -> None:
    folder = tmp_path / "backup"
    before = copied_home.tables()
    assert call(copied_home.path, "backup", folder).code == 0
    assert call(copied_home.path, "backup", folder).problems == [
        f"tiktok-pipeline: {folder}: exists already; name a new folder"
    ]
    os.truncate(copied_home.settings.warehouse_file, 20)
    (copied_home.settings.raw / "2024-03-01" / "manifest.json").unlink()
    (copied_home.path / "mine.csv").write_text("a\n", encoding="utf-8")
    assert call(copied_home.path, "restore", folder, "--yes").code == 0
    assert call(copied_home.path, "doctor").code == 0
    assert copied_home.tables() == before
    assert (copied_home.path / "mine.csv").exists()


def test_a_damaged_backup_changes_nothing(copied_home: Home, call: Call, tmp_path: Path) -> None:
    folder = tmp_path / "backup"
    assert call(copied_home.path, "backup", folder).code == 0
    with (folder / "raw" / "2024-03-01" / "manifest.json").open("a", encoding="utf-8") as target:
        target.write(" ")
    before = copied_home.tables()
    result = call(copied_home.path, "restore", folder, "--yes")
    assert result.code == FAILED
    assert "manifest.json: missing, or changed since the backup was made" in result.problems[0]
    assert copied_home.tables() == before


def test_a_backup_lies_outside_of_the_home(copied_home: Home, call: Call) -> None:
    result = call(copied_home.path, "backup", copied_home.path / "backup")
    assert (result.code, len(result.problems)) == (FAILED, 1)
    assert "lies in the home itself" in result.problems[0]


@pytest.mark.slow
def test_who_was_forgotten_after_the_backup_is_forgotten_again(copied_home: Home, call: Call, tmp_path: Path) -> None:
    assert call(copied_home.path, "backup", tmp_path / "backup").code == 0
    assert call(copied_home.path, "forget", "creator00009", "--yes").code == 0
    assert call(copied_home.path, "restore", tmp_path / "backup", "--yes").code == 0
    count = "select count(*) from validated.profiles where account_id = 'creator00009'"
    assert copied_home.value(count, published=True) == 0
    assert call(copied_home.path, "doctor").code == 0
