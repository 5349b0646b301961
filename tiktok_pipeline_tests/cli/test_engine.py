"""A refresh with an engine that cannot be used fails with exit code 1 and one line that says what to do."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tiktok_pipeline.warehouse.spark import session
from tiktok_pipeline_tests.engines import needs_sail
from tiktok_pipeline_tests.homes import run_command_line
from tiktok_pipeline_tests.scrapes import creators, write_csv


def refresh(patch: pytest.MonkeyPatch, folder: Path, engine: str) -> int:
    patch.setenv("TIKTOK_PIPELINE_ENGINE", engine)
    scrape = write_csv(folder / "profiles_2024-03-01.csv", creators(30))
    return run_command_line(patch, folder / "home", "refresh", scrape, "--study", "influencer_segments")


def lines_about(engine: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return the lines of the output that name an engine; there is no stack trace."""
    captured = capsys.readouterr()
    assert "Traceback" not in captured.out + captured.err
    return [line for line in captured.err.splitlines() if engine in line]


def test_an_engine_that_is_not_installed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(session, "find_spec", lambda _: None)
        assert refresh(patch, tmp_path, "sail") == 1
    (line,) = lines_about("ENGINE=sail", capsys)
    assert "not installed: pysail, pyspark-client, grpcio-status; install the extra `sail`" in line


@needs_sail()
def test_an_address_where_nothing_listens(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        address = f"sc://127.0.0.1:{bound.getsockname()[1]}"
        with monkeypatch.context() as patch:
            assert refresh(patch, tmp_path, address) == 1
    (line,) = lines_about(address, capsys)
    assert f"{address}: cannot be reached (" in line
    assert "start the server there, or correct TIKTOK_PIPELINE_ENGINE" in line


def test_a_value_that_is_no_engine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patch:
        assert refresh(patch, tmp_path, "yarn") == 2
    (line,) = lines_about("yarn", capsys)
    assert "expected duckdb, sail, spark, local[2], or an address such as spark://host:7077 or sc://127.0" in line
