"""The command ``explore``: what it refuses before it serves, and that it serves."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from tiktok_pipeline.explorer.lists import Lists, Member
from tiktok_pipeline_tests.homes import Home, Said, environment


def test_a_taken_port_and_an_unknown_study_are_named(tmp_path: Path, call: Callable[..., Said]) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        taken = call(tmp_path / "home", "explore", "--port", str(port))
    assert taken.code == 1
    assert taken.problems == [f"tiktok-pipeline: port {port} of 127.0.0.1 is in use; choose another one with --port"]
    unknown = call(tmp_path / "home", "explore", "--study", "horoscopes")
    assert unknown.code == 2
    assert "no study 'horoscopes'; the studies are:" in unknown.err


@pytest.mark.slow
def test_it_serves_a_refreshed_home_and_ends_with_an_interrupt(copied_home: Home) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    arguments = [sys.executable, "-m", "tiktok_pipeline", "explore", "--port", str(port)]
    with subprocess.Popen(arguments, env=environment(copied_home.path), stderr=subprocess.PIPE, text=True) as server:
        try:
            text = _ask(f"http://127.0.0.1:{port}/", server)
        finally:
            server.terminate()
        said = server.stderr.read() if server.stderr else ""
    assert "in snapshot 2024-04-01" in text
    assert f"creators: http://127.0.0.1:{port}/" in said
    assert "Traceback" not in said


def _ask(address: str, server: subprocess.Popen[str]) -> str:
    deadline = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(address, timeout=60) as answer:
                return str(answer.read().decode())
        except urllib.error.URLError:
            assert server.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)


@pytest.mark.slow
def test_forget_empties_the_lists_and_keeps_the_file(copied_home: Home, call: Callable[..., Said]) -> None:
    lists = Lists(copied_home.settings.lists_file)
    (handle,) = copied_home.sql("select account_id from validated.profiles order by 1 limit 1")[0]
    lists.create("Spring")
    lists.add("Spring", [Member(handle), Member("somebody.else", note=f"like {handle}")])
    assert call(copied_home.path, "forget", handle, "--yes").code == 0
    assert [(member.account_id, member.note) for member in lists.members("Spring")] == [("somebody.else", "")]
    found = call(copied_home.path, "doctor")
    assert "1 lists with 1 creators" in found.out + found.err
