"""Run a reader of binary files in a process of its own, with bounds for time and memory.

A hostile file can make a C++ or Rust library take any amount of memory, or crash. In a process of its own it cannot
take the pipeline down.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO, cast

from tiktok_pipeline.warehouse.base import UnreadableFileError

MEMORY_BYTES = 3 * 2**30
"""The address space of a worker."""

FAILED = 3
"""The exit code of a worker that could not read its file."""

_ENVIRONMENT = {"ARROW_DEFAULT_MEMORY_POOL": "system"}
"""Arrow's own allocators reserve more memory than the limit."""


def run_worker(script: Path, file: IO[bytes], *arguments: str, name: str, seconds: float) -> IO[bytes]:
    """Run a script on a file and return what it wrote.

    Parameters
    ----------
    script : Path
        A Python file. Its first argument is the limit of its memory in bytes, which it sets for itself; it reads
        the file from its standard input.
    file : IO
        The open file; it must have a descriptor.
    *arguments : str
        More arguments of the script.
    name : str
        The file for messages.
    seconds : float
        The limit for its run.

    Returns
    -------
    IO
        A temporary file without a name, at its start.

    Raises
    ------
    UnreadableFileError
        If the script needs more than its limits, or cannot read the file.
    """
    # Isolated: neither the current folder nor variables of the user decide what the script imports.
    command = [sys.executable, "-I", "-X", "utf8", str(script), str(MEMORY_BYTES), *arguments]
    output = cast("IO[bytes]", tempfile.TemporaryFile())  # noqa: SIM115 - the caller closes it
    file.seek(0)
    try:
        done = subprocess.run(  # noqa: S603 - a script of this package
            command,
            stdin=file,
            stdout=output,
            stderr=subprocess.DEVNULL,
            timeout=seconds,
            env=_ENVIRONMENT,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        output.close()
        raise UnreadableFileError(
            f"{name}: takes longer than {seconds:,.0f} s to unpack", remedy="deliver it as CSV"
        ) from error
    if done.returncode == FAILED:
        output.close()
        raise UnreadableFileError(f"{name}: the file is truncated or damaged", remedy="write or copy it again")
    if done.returncode:
        output.close()
        raise UnreadableFileError(f"{name}: expands to more than its size allows", remedy="deliver it as CSV")
    output.seek(0)
    return output
