"""The benchmark `profile`: how samples are sorted, by hand, and one small profile for real."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.performance.profile import IMPORTS, PYTHON, WAITING, by_asset, by_package, profile

ASSET = "validated_assets.<locals>.validated (tiktok_pipeline/orchestration/assets/validated.py:90)"
SAMPLES = [
    'process 7:"python -m x";_find_and_load (<frozen importlib>:1);<module> (scipy/stats/__init__.py:5) 4',
    f"main (app.py:1);execute (dagster/_core/api.py:2);{ASSET};_ask (duckdb/_relation.py:3);fold (functools.py:4) 3",
    f"main (app.py:1);execute (dagster/_core/api.py:2);{ASSET};_run (tiktok_pipeline/warehouse/duckdb/engine.py:9) 2",
    f"main (app.py:1);{ASSET};_of (tiktok_pipeline/validated/clean.py:9) 1",
    "run (tiktok_pipeline/cli/progress.py:1);wait (threading.py:331) 6",
    "main (app.py:1);loads (decoder.py:9) 5",
]


def test_samples_are_counted_by_the_innermost_package() -> None:
    assert by_package(SAMPLES) == {
        IMPORTS: 4,
        "duckdb": 5,  # DuckDB's own code has no frames: the function that calls it stands for it
        "tiktok_pipeline": 1,
        WAITING: 6,
        PYTHON: 5,
    }


def test_samples_are_counted_by_the_asset_whose_function_runs() -> None:
    assert by_asset(SAMPLES) == {"validated": 6}


def test_a_missing_sampler_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    with pytest.raises(FileNotFoundError, match="pip install py-spy"):
        profile(tmp_path / "a.csv", 1, checkout=tmp_path, home=tmp_path / "home")


@pytest.mark.slow
def test_a_small_refresh_is_profiled(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks", "profile", "--profiles", "300"]
    graph = tmp_path / "refresh.svg"
    said = subprocess.run(
        [*command, "--folder", str(tmp_path), "--flame-graph", str(graph)],
        capture_output=True,
        text=True,
        check=False,
    )
    if "Permission" in said.stderr:
        pytest.skip("the system does not let this user read other processes")
    assert said.returncode == 0, said.stderr
    assert "duckdb" in said.stdout
    assert "k_scores" in said.stdout
    assert graph.read_text(encoding="utf-8").startswith("<?xml")
