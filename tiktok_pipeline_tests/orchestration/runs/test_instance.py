"""Dagster's storage of a home: its settings, and how `dagster dev` and `dg` find it in the checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from dagster import DagsterInstance

from tiktok_pipeline.orchestration.partitions import add_snapshots, known_snapshots
from tiktok_pipeline.orchestration.runs.instance import (
    _BEFORE,
    DAGSTER_YAML,
    DagsterRecordsError,
    open_instance,
    prepare_dagster_home,
)
from tiktok_pipeline.settings import Settings

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("DAGSTER_HOME", "")  # restored after the test
    return Settings(home=tmp_path / "data")


@pytest.mark.parametrize(
    "before", [None, *_BEFORE], ids=["no file", "with captured logs", "of an earlier version", "of the first version"]
)
def test_a_home_gets_the_settings_of_this_version(settings: Settings, before: str | None) -> None:
    file = settings.dagster_home / "dagster.yaml"
    if before is not None:
        file.parent.mkdir(parents=True)
        file.write_text(before, encoding="utf-8")
    prepare_dagster_home(settings)
    assert file.read_text(encoding="utf-8") == DAGSTER_YAML
    assert os.environ["DAGSTER_HOME"] == str(settings.dagster_home)


def test_settings_that_a_person_changed_stay(settings: Settings) -> None:
    file = settings.dagster_home / "dagster.yaml"
    file.parent.mkdir(parents=True)
    file.write_text("telemetry:\n  enabled: true\n", encoding="utf-8")
    prepare_dagster_home(settings)
    assert file.read_text(encoding="utf-8") == "telemetry:\n  enabled: true\n"


@pytest.mark.parametrize("text", [": [", "run_retries:\n  enabled: maybe\n", "nonsense: 1\n"])
def test_damaged_settings_are_one_line(settings: Settings, text: str) -> None:
    prepare_dagster_home(settings)
    (settings.dagster_home / "dagster.yaml").write_text(text, encoding="utf-8")
    with (
        pytest.raises(DagsterRecordsError, match=r"dagster\.yaml: Dagster cannot read [^\n]*; correct"),
        open_instance(settings),
    ):
        pass


def test_settings_that_were_cut_off_open_or_are_one_line(settings: Settings) -> None:
    prepare_dagster_home(settings)
    file, refused = settings.dagster_home / "dagster.yaml", list[str]()
    for end in [place + 1 for place, letter in enumerate(DAGSTER_YAML) if letter == ":"]:
        file.write_text(DAGSTER_YAML[:end], encoding="utf-8")
        try:
            with open_instance(settings):
                pass
        except DagsterRecordsError as error:
            refused.append(str(error))
    assert len(refused) > 5
    assert not [message for message in refused if "\n" in message]


def test_the_checkout_has_the_settings_of_a_home_and_its_storage() -> None:
    checkout: dict[str, Any] = yaml.safe_load((ROOT / "dagster.yaml").read_text(encoding="utf-8"))
    assert checkout.pop("storage") == {"sqlite": {"base_dir": "data/dagster"}}
    assert checkout == yaml.safe_load(DAGSTER_YAML)


def test_dagster_in_the_checkout_reads_the_records_of_its_home(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare_dagster_home(settings)
    with open_instance(settings) as instance:
        add_snapshots(instance, ["2024-03-01"])
    shutil.copy(ROOT / "dagster.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    # `dagster dev` without DAGSTER_HOME makes a temporary instance with the settings of the working directory.
    with DagsterInstance.from_config(str(tmp_path)) as instance:
        assert known_snapshots(instance) == ["2024-03-01"]


@pytest.mark.slow
def test_dg_loads_the_definitions_of_the_checkout(settings: Settings) -> None:
    dg = Path(sys.executable).with_name("dg")
    if not dg.exists() and not os.environ.get("CI"):
        pytest.skip("dagster-dg-cli is not installed")
    done = subprocess.run(
        [str(dg), "check", "defs"],
        cwd=ROOT,
        env=os.environ | {"TIKTOK_PIPELINE_HOME": str(settings.home)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "All definitions loaded successfully." in done.stdout
    assert not settings.home.exists()
