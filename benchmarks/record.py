"""Saves the result of a benchmark with a description of the machine, as a new JSON file each time."""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

RESULTS = Path(__file__).parent / "results"
_PACKAGES = ("duckdb", "dagster", "scikit-learn", "pandas", "polars")


def machine() -> dict[str, Any]:
    """Describe what results depend on: cores, memory in GB, and the versions of Python and of the main packages."""
    versions = {}
    for name in _PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    memory = round(psutil.virtual_memory().total / 1024**3, 1)
    return {"cores": os.cpu_count(), "memory_gb": memory, "python": platform.python_version(), **versions}


def save(name: str, result: Mapping[str, Any], folder: Path = RESULTS) -> Path:
    """Write the result and the machine to ``<name>-<day>.json`` and return the path.

    If the file exists, a counter is added to the name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    day = datetime.now(tz=UTC).date()
    for counter in range(1, 1001):
        path = folder / (f"{name}-{day}.json" if counter == 1 else f"{name}-{day}-{counter}.json")
        with contextlib.suppress(FileExistsError), path.open("x", encoding="utf-8") as target:
            json.dump({"machine": machine(), **result}, target, indent=1)
            target.write("\n")
            return path
    msg = f"{folder}: more than a thousand results on one day"
    raise FileExistsError(msg)
