"""``tiktok-pipeline ui`` refuses in one line what cannot work; no server and no daemon is started."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tiktok_pipeline.cli import ui
from tiktok_pipeline.cli.console import FAILED
from tiktok_pipeline_tests.homes import Said

Call = Callable[..., Said]


@pytest.fixture(autouse=True)
def no_server(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Record the programs that would be started instead of starting them."""
    started: list[list[str]] = []
    monkeypatch.setattr(os, "execve", lambda _, command, __: started.append(command))
    return started


@pytest.fixture
def environments(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """Record the environments of the servers instead of starting them."""
    started: list[dict[str, str]] = []
    monkeypatch.setattr(os, "execve", lambda _, __, environment: started.append(environment))
    return started


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_port_in_use_is_refused(tmp_path: Path, call: Call, no_server: list[list[str]]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        result = call(tmp_path / "home", "ui", "--port", str(port))
    assert result.code == FAILED
    assert result.err == f"tiktok-pipeline: port {port} of 127.0.0.1 is in use; choose another one with --port\n"
    assert no_server == []
    assert not (tmp_path / "home").exists()


def test_a_second_ui_of_a_home_is_refused_until_the_first_ends(
    tmp_path: Path, call: Call, no_server: list[list[str]]
) -> None:
    """The first one becomes another program, as it becomes Dagster's, and still holds the lock."""
    home = tmp_path / "home"
    (home / "dagster").mkdir(parents=True)
    script = (
        "import os, pathlib, sys\nfrom tiktok_pipeline.cli.ui import _lock_until_exit\n"
        "_lock_until_exit(pathlib.Path(sys.argv[1]))\n"
        "os.execv(sys.executable, [sys.executable, '-c', \"print('on', flush=True); input()\"])"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(home / "dagster" / "ui.lock")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "on\n"
        result = call(home, "ui", "--port", str(free_port()))
        first.kill()
    assert result.code == FAILED
    assert (
        result.err == f"tiktok-pipeline: process {first.pid} is already running the UI for {home}; "
        "use that one, or stop it first\n"
    )
    assert no_server == []
    monkey = call(home, "ui", "--port", str(free_port()))
    assert monkey.err.startswith("Dagster's UI: http://127.0.0.1:")
    assert len(no_server) == 1


def test_a_daemon_of_the_home_that_runs_without_the_ui_is_refused(
    tmp_path: Path, call: Call, no_server: list[list[str]]
) -> None:
    home = tmp_path / "home"
    script = "print('on', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", script, "dagster._daemon"],
        env={"DAGSTER_HOME": str(home / "dagster")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as daemon:
        assert daemon.stdout is not None
        assert daemon.stdout.readline() == "on\n"
        result = call(home, "ui", "--port", str(free_port()))
        daemon.kill()
    assert result.code == FAILED
    assert result.err == (
        f"tiktok-pipeline: process {daemon.pid} is a Dagster daemon of {home}; stop it first: kill {daemon.pid}\n"
    )
    assert no_server == []
    assert call(tmp_path / "other", "ui", "--port", str(free_port())).code == 0


@pytest.mark.parametrize("where", ["home", "home/dagster"])
def test_a_home_that_cannot_be_written_is_refused(
    tmp_path: Path, call: Call, no_server: list[list[str]], where: str
) -> None:
    file = tmp_path / where
    file.parent.mkdir(exist_ok=True)
    file.write_text("not a folder", encoding="utf-8")
    result = call(tmp_path / "home", "ui", "--port", str(free_port()))
    assert result.code == FAILED
    (line,) = result.err.splitlines()
    assert line.startswith(f"tiktok-pipeline: {tmp_path / 'home'}")
    assert no_server == []


def test_a_read_only_home_is_refused(
    tmp_path: Path, call: Call, no_server: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(file: Path) -> None:
        raise PermissionError(13, "Permission denied", str(file))

    monkeypatch.setattr(ui, "_lock_until_exit", denied)
    result = call(tmp_path / "home", "ui", "--port", str(free_port()))
    assert result.err == (
        f"tiktok-pipeline: {tmp_path / 'home' / 'dagster' / 'ui.lock'}: Permission denied; run it as the user who "
        "owns the home, or name another home: TIKTOK_PIPELINE_HOME\n"
    )
    assert result.code == FAILED
    assert no_server == []


def test_the_servers_search_no_folder_that_lies_in_the_way(
    tmp_path: Path, call: Call, environments: list[dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    own = str(tmp_path / "own")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["", ".", "modules", own]))
    monkeypatch.setenv("PYTHONSTARTUP", "startup.py")
    assert call(tmp_path / "home", "ui", "--port", str(free_port())).code == 0
    (environment,) = environments
    assert environment["PYTHONPATH"] == own
    assert environment["PYTHONSAFEPATH"] == "1"
    assert "PYTHONSTARTUP" not in environment
