"""Run Dagster's web server and daemon of a home: ``python -P -m tiktok_pipeline.orchestration.serve PORT``.

``dagster dev`` does the same but starts the server itself, without the guard of
`tiktok_pipeline.orchestration.webserver`.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

import tiktok_pipeline

_CODE = ["-m", "tiktok_pipeline.definitions", "-d", str(Path(tiktok_pipeline.__file__).parents[1])]
_PYTHON = [sys.executable, "-P", "-W", "ignore::FutureWarning", "-m"]
_SECONDS_TO_STOP = 60


def main(port: str) -> int:
    """Run both until one of them ends or a signal comes; then stop the other. Return the exit code."""
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGINT, _interrupt)  # a shell starts its background jobs with SIGINT ignored
    commands = {
        "web server": [*_PYTHON, "tiktok_pipeline.orchestration.webserver", port, *_CODE],
        "daemon": [*_PYTHON, "dagster._daemon", "run", *_CODE],
    }
    commands["web server"] += ["--dagster-log-level", "warning", "--code-server-log-level", "warning"]
    commands["daemon"] += ["--log-level", "warning", "--code-server-log-level", "warning"]
    processes = {name: subprocess.Popen(command) for name, command in commands.items()}  # noqa: S603 - our own
    try:
        while all(process.poll() is None for process in processes.values()):
            time.sleep(1)
    except KeyboardInterrupt:
        return 130
    finally:
        for process in processes.values():
            process.send_signal(signal.SIGINT)
        _stop(processes)
    ended = ", ".join(
        f"Dagster's {name} ended with code {p.returncode}" for name, p in processes.items() if p.returncode
    )
    sys.stderr.write(f"tiktok-pipeline: {ended or 'Dagster ended'}; start `tiktok-pipeline ui` again\n")
    return 1


def _stop(processes: dict[str, subprocess.Popen[bytes]]) -> None:
    deadline = time.monotonic() + _SECONDS_TO_STOP
    for process in processes.values():
        try:
            process.wait(timeout=max(0.1, deadline - time.monotonic()))
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            process.kill()
            process.wait()


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
