"""Ctrl-C, as a terminal sends it: exit code 130, one line, no stack trace, nothing in ``failures.log``."""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from dagster import DagsterInstance

from tiktok_pipeline.cli.console import INTERRUPTED, watch_interrupts
from tiktok_pipeline.cli.refresh import WHEN_INTERRUPTED
from tiktok_pipeline.home.lock import home_lock
from tiktok_pipeline.orchestration.runs.tags import INTERRUPTED_TAG
from tiktok_pipeline_tests.homes import Home, Said, command, environment
from tiktok_pipeline_tests.scrapes import creators, write_csv

Call = Callable[..., Said]

_INTERRUPT = """
import os, signal, threading, time
import duckdb
from tiktok_pipeline.ingest import register
from tiktok_pipeline.orchestration.assets import study as study_assets
from tiktok_pipeline.warehouse.duckdb import publishing

os.setpgrp()

def press_ctrl_c(*arguments, **more):
    threading.Timer(0.2, os.killpg, (os.getpgrp(), signal.SIGINT)).start()  # a terminal stops its whole group
    {wait}

{target} = press_ctrl_c
"""
_SLEEP = "time.sleep(60)"
_QUERY = (
    "duckdb.execute('set enable_progress_bar = false')\n"
    "    duckdb.sql('select count(*) from range(100_000) a, range(5_000) b where a.range + b.range = 7').fetchall()"
)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("target", "wait"),
    [
        ("register.find_files", _SLEEP),
        ("register.find_files", _QUERY),
        ("study_assets.fit_study", _SLEEP),
        ("study_assets.fit_study", _QUERY),
        ("publishing.atomic_replace", _SLEEP),
    ],
    ids=["registering", "query while registering", "step", "query in a step", "publishing"],
)
def test_ctrl_c_during_a_refresh_ends_in_one_line(tmp_path: Path, target: str, wait: str) -> None:
    scrape = write_csv(tmp_path / "scrape.csv", creators(60))
    python = _INTERRUPT.format(target=target, wait=wait)
    done = command(tmp_path / "home", "refresh", scrape, "--study", "influencer_segments", python=python)
    assert done.returncode == INTERRUPTED, done.stderr
    assert_ends_in_one_line(done.stderr)
    assert done.stdout == ""
    home = Home(tmp_path / "home")
    assert not home.settings.failures_file.exists()
    assert not home.settings.published_file.exists()
    if not target.startswith("register."):
        with DagsterInstance.from_config(str(home.settings.dagster_home)) as instance:
            (run,) = instance.get_runs()
            assert run.tags[INTERRUPTED_TAG] == "true", "the sensor of failed runs leaves it out"


def test_ctrl_c_while_waiting_for_the_home_ends_in_one_line(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    with (
        home_lock(home.settings.lock_file, timeout_seconds=5),
        subprocess.Popen(
            [sys.executable, "-m", "tiktok_pipeline", "refresh"],
            env=environment(home.path),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        assert process.stderr is not None
        assert process.stderr.readline().startswith("waiting for process")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (INTERRUPTED, "")
    assert err == f"tiktok-pipeline: {WHEN_INTERRUPTED}\n"
    assert not home.settings.failures_file.exists()


def assert_ends_in_one_line(err: str) -> None:
    (line,) = [line for line in err.splitlines() if line.startswith("tiktok-pipeline: ")]
    assert err.splitlines()[-1] == line == f"tiktok-pipeline: {WHEN_INTERRUPTED}"
    assert "`tiktok-pipeline refresh --resume`" in line
    assert "Traceback" not in err


def test_ctrl_c_before_the_command_begins_ends_in_stopped(
    tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tiktok_pipeline.cli import app

    def stop(**_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(app, "build_app", lambda *_: stop)
    result = call(tmp_path, "prune", "--keep", "1", "--yes")
    assert (result.code, result.out) == (INTERRUPTED, "")
    assert result.err == "tiktok-pipeline: stopped; nothing was changed\n"


def test_a_connection_that_was_interrupted_while_it_was_closed_prints_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from tiktok_pipeline.orchestration.runs.instance import open_instance, prepare_dagster_home
    from tiktok_pipeline.settings import Settings

    settings = Settings(home=tmp_path)
    prepare_dagster_home(settings)
    with open_instance(settings):
        logging.getLogger("sqlalchemy.pool.impl.NullPool").error("Exception closing connection")
    assert [record for record in caplog.records if "closing" in record.message] == []


def test_ctrl_c_in_another_command_ends_in_stopped(
    refreshed_home: Home, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tiktok_pipeline.output import print_rows

    def stop(*_: object) -> None:
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(print_rows, "print_rows", stop)
    result = call(refreshed_home.path, "sql", "select 1")
    assert (result.code, result.out, result.err) == (INTERRUPTED, "", "tiktok-pipeline: stopped\n")


def test_ctrl_c_that_another_library_swallows_is_still_seen() -> None:
    with watch_interrupts() as interrupts:
        assert not interrupts.received
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        assert interrupts.received
        with pytest.raises(KeyboardInterrupt):
            interrupts.raise_if_received()
    with watch_interrupts() as interrupts:
        assert not interrupts.received


def test_ctrl_c_while_python_frees_memory_prints_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    class Freed:
        def __init__(self, raise_it: Callable[[], object]) -> None:
            self.raise_it = raise_it

        def __del__(self) -> None:
            self.raise_it()

    printed: list[object] = []
    monkeypatch.setattr("sys.unraisablehook", lambda unraisable: printed.append(unraisable.exc_type))
    with watch_interrupts() as interrupts:
        Freed(lambda: signal.raise_signal(signal.SIGINT))
        assert interrupts.received
        assert printed == []
        Freed(lambda: 1 / 0)
        assert printed == [ZeroDivisionError]
    Freed(lambda: signal.raise_signal(signal.SIGINT))
    assert printed == [ZeroDivisionError, KeyboardInterrupt]


def test_ctrl_c_at_a_question_ends_in_stopped(
    refreshed_home: Home, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    def press_ctrl_c(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("typer.confirm", press_ctrl_c)
    before = refreshed_home.tables()
    result = call(refreshed_home.path, "prune", "--keep", "1")
    assert result.code == INTERRUPTED
    assert result.problems == ["tiktok-pipeline: stopped; run the same command again to finish the removal"]
    assert refreshed_home.tables() == before
