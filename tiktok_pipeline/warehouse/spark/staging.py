"""The folder of Parquet files by which rows pass between DuckDB and Spark, and in which Spark keeps its results."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path


class Staging:
    """A temporary folder, made at first use: ``<file>.engine-<random>``.

    Parameters
    ----------
    beside : Path, optional
        The file beside which it is made; None makes it in the temporary folder of the system.
    """

    def __init__(self, beside: Path | None) -> None:
        self._beside = beside
        self._folder: Path | None = None
        self._made = 0

    def new_folder(self, name: str) -> Path:
        """Create a folder and return it; no other one has its path until `remove`."""
        if self._folder is None:
            self._folder = self._create()
        self._made += 1
        folder = self._folder / f"{name}_{self._made}"
        folder.mkdir()
        return folder

    def remove(self) -> None:
        """Remove the folder with everything in it."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def _create(self) -> Path:
        if self._beside is None:
            return Path(tempfile.mkdtemp(prefix="tiktok.engine-"))
        self._beside.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        return Path(tempfile.mkdtemp(prefix=f"{self._beside.name}.engine-", dir=self._beside.parent))
