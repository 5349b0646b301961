"""Settings from environment variables: paths, limits, and errors that name the variable."""

from __future__ import annotations

import re
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

import tiktok_pipeline.settings
from tiktok_pipeline.settings import Settings, SettingsError


def test_the_home_of_the_environment_holds_everything(tmp_path: Path) -> None:
    settings = Settings.from_env({"TIKTOK_PIPELINE_HOME": str(tmp_path)})
    assert settings.home == tmp_path
    assert settings.incoming == tmp_path / "incoming"
    assert settings.raw == tmp_path / "raw"
    assert settings.warehouse_file == tmp_path / "warehouse" / "tiktok.duckdb"
    assert settings.published_file == tmp_path / "published" / "tiktok.duckdb"
    assert settings.dagster_home.parent == tmp_path
    assert settings.lock_file.parent == tmp_path


def test_limits_have_defaults(tmp_path: Path) -> None:
    settings = Settings.from_env({"TIKTOK_PIPELINE_HOME": str(tmp_path)})
    assert (settings.lock_timeout_seconds, settings.memory_limit, settings.threads) == (30.0, "30%", None)


def test_an_empty_variable_counts_as_not_set(tmp_path: Path) -> None:
    names = ("LOCK_TIMEOUT_SECONDS", "MEMORY_LIMIT", "THREADS")
    environment = {f"TIKTOK_PIPELINE_{name}": "" for name in names} | {"TIKTOK_PIPELINE_HOME": str(tmp_path)}
    assert Settings.from_env(environment) == Settings(home=tmp_path)


@pytest.mark.parametrize("memory", ["4GB", "512MB", "1.5GiB", "80%", "2 gb"])
def test_valid_values_are_read(memory: str) -> None:
    settings = Settings.from_env(
        {
            "TIKTOK_PIPELINE_LOCK_TIMEOUT_SECONDS": "2.5",
            "TIKTOK_PIPELINE_THREADS": "3",
            "TIKTOK_PIPELINE_MEMORY_LIMIT": memory,
        }
    )
    assert (settings.lock_timeout_seconds, settings.threads, settings.memory_limit) == (2.5, 3, memory)
    assert settings.processes == 3


@pytest.mark.parametrize(
    ("variable", "values"),
    [
        ("TIKTOK_PIPELINE_LOCK_TIMEOUT_SECONDS", ["soon", "0", "-1", "nan", "inf", "1e999", "30s", "1e12"]),
        ("TIKTOK_PIPELINE_SETTLE_SECONDS", ["1e12"]),
        ("TIKTOK_PIPELINE_FRESHNESS_DAYS", ["1e10"]),
        ("TIKTOK_PIPELINE_HOME", ["~no-such-user/data"]),
        ("TIKTOK_PIPELINE_THREADS", ["0", "-2", "2.7", "0.5", "all", "inf", "1e2", "9999", "99999"]),
        ("TIKTOK_PIPELINE_CONTINUITY", ["cold", "yes"]),
        ("TIKTOK_PIPELINE_ENGINE", ["flink", "sc://host", "sc://:15002", "sc://host:0", "sc://host:65536", "host:1"]),
        ("TIKTOK_PIPELINE_ENGINE", ["sc://host:1/;token=x", "http://host:1", "sc://a b:1", "spark://host"]),
        ("TIKTOK_PIPELINE_ENGINE", ["local", "local[0]", "local[two]", "local[2,4]", "local-cluster[1,1,9]", "yarn"]),
        ("TIKTOK_PIPELINE_MEMORY_LIMIT", ["4", "lots", "-5GB", "0GB", "4 elephants", "GB"]),
    ],
)
def test_an_invalid_value_raises_with_its_variable_and_what_is_expected(variable: str, values: list[str]) -> None:
    for value in values:
        with pytest.raises(SettingsError, match=f"^{variable}='{re.escape(value)}': expected"):
            Settings.from_env({variable: value})


@pytest.mark.parametrize(
    ("text", "continuity"), [("", "study"), ("study", "study"), ("warm", "warm"), (" Published ", "published")]
)
def test_the_continuity_is_a_setting(text: str, continuity: str) -> None:
    assert Settings.from_env({"TIKTOK_PIPELINE_CONTINUITY": text}).continuity == continuity


def test_the_bounds_of_activity_are_settings() -> None:
    environment = {"TIKTOK_PIPELINE_POSTING_DAYS": "14", "TIKTOK_PIPELINE_DORMANT_DAYS": "60"}
    settings = Settings.from_env(environment)
    assert (settings.posting_days, settings.dormant_days) == (14, 60)
    with pytest.raises(SettingsError, match=r"^TIKTOK_PIPELINE_DORMANT_DAYS=10: expected at least"):
        Settings.from_env(environment | {"TIKTOK_PIPELINE_DORMANT_DAYS": "10"})


def test_the_environment_of_the_process_is_the_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TIKTOK_PIPELINE_HOME", str(tmp_path / "here"))
    monkeypatch.setenv("TIKTOK_PIPELINE_THREADS", "2")
    assert Settings.from_env() == Settings(home=tmp_path / "here", threads=2)


def test_a_tilde_in_the_home_is_expanded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Settings.from_env({"TIKTOK_PIPELINE_HOME": "~/scrapes"}).home == tmp_path / "scrapes"


def test_the_default_home_is_the_data_folder_of_the_checkout_in_every_working_directory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    checkout = tmp_path / "checkout"
    (checkout / "data").mkdir(parents=True)
    (checkout / "pyproject.toml").touch()
    monkeypatch.setattr(tiktok_pipeline.settings, "__file__", str(checkout / "tiktok_pipeline" / "settings.py"))
    monkeypatch.chdir(tmp_path)
    assert Settings.from_env({}).home == checkout / "data"


def test_an_installed_package_uses_the_data_directory_of_the_user(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    site = tmp_path / "site-packages" / "tiktok_pipeline"
    monkeypatch.setattr(tiktok_pipeline.settings, "__file__", str(site / "settings.py"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "user"))
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    home = Settings.from_env({}).home
    assert home.is_relative_to(tmp_path / "user")
    assert home.name == "tiktok_pipeline"


def test_settings_are_frozen(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    with pytest.raises(FrozenInstanceError):
        settings.home = tmp_path / "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "engine"),
    [
        ("", "duckdb"),
        ("DuckDB", "duckdb"),
        (" sail ", "sail"),
        ("Spark", "spark"),
        *((master, master) for master in ("local[*]", "local[16]", "spark://10.0.0.7:7077", "spark://[::1]:7077")),
        *((address, address) for address in ("sc://10.0.0.7:15002", "sc://spark.internal:50051", "sc://[::1]:1")),
    ],
)
def test_the_engine_is_a_name_a_master_or_an_address(text: str, engine: str) -> None:
    assert Settings.from_env({"TIKTOK_PIPELINE_ENGINE": text}).engine == engine
