"""Keeps what a benchmark found: one JSON file for each time, with the machine, never put over another."""

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
_TOLD_PACKAGES = ("duckdb", "dagster", "scikit-learn", "pandas", "polars")


def machine() -> dict[str, Any]:
    """What the figures depend on: cores, memory in GB, Python and the packages that do the work."""
    versions = {}
    for name in _TOLD_PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    memory = round(psutil.virtual_memory().total / 1024**3, 1)
    return {"cores": os.cpu_count(), "memory_gb": memory, "python": platform.python_version(), **versions}


def save(name: str, found: Mapping[str, Any], folder: Path = RESULTS) -> Path:
    """Write ``found`` and the machine to ``<name>-<day>.json``, with a counter where that is there; gives its path."""
    folder.mkdir(parents=True, exist_ok=True)
    day = datetime.now(tz=UTC).date()
    for counter in range(1, 1001):
        path = folder / (f"{name}-{day}.json" if counter == 1 else f"{name}-{day}-{counter}.json")
        with contextlib.suppress(FileExistsError), path.open("x", encoding="utf-8") as target:
            json.dump({"machine": machine(), **found}, target, indent=1)
            target.write("\n")
            return path
    msg = f"{folder}: a thousand results of one day"
    raise FileExistsError(msg)
