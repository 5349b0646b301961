"""Where the data live and how the work is bounded: the only reader of environment variables.

Nothing depends on the working directory. The home is ``TIKTOK_PIPELINE_HOME``, else ``data/`` of the checkout that this
file lies in, else the user's data directory.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tiktok_pipeline.errors import PipelineError


class SettingsError(PipelineError):
    """An environment variable holds what it cannot; the text names it and what was expected."""

    code = "settings"
    is_usage_error = True


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Frozen settings of one process.

    ``lock_timeout_seconds`` bounds the wait for a program that has the database open, ``home_timeout_seconds`` that for
    another refresh of this home, which ends by itself. ``settle_seconds`` is how long a new file must lie unchanged before
    it is taken, ``largest_file_bytes`` how large one may be, unpacked. ``freshness_days`` is how old the newest snapshot
    may be. ``memory_limit`` (such as ``4GB``; a share leaves room for the models, which hold their sample beside it) and
    ``threads`` (None: all) are DuckDB's own. ``pictures`` says whether any are drawn.
    """

    home: Path
    lock_timeout_seconds: float = 30.0
    home_timeout_seconds: float = 3600.0
    settle_seconds: float = 10.0
    largest_file_bytes: int = 200 * 1000**3
    freshness_days: float = 35.0
    memory_limit: str = "30%"
    threads: int | None = None
    pictures: bool = True

    @classmethod
    def from_env(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """Read the settings; raises `SettingsError` where a value is not what it should be."""
        values = os.environ if environment is None else environment
        home = values.get("TIKTOK_PIPELINE_HOME")
        return cls(
            home=Path(home).expanduser().resolve() if home else _default_home(),
            lock_timeout_seconds=_number(values, "TIKTOK_PIPELINE_LOCK_TIMEOUT_SECONDS", 30.0),
            home_timeout_seconds=_number(values, "TIKTOK_PIPELINE_HOME_TIMEOUT_SECONDS", 3600.0),
            settle_seconds=_number(values, "TIKTOK_PIPELINE_SETTLE_SECONDS", 10.0),
            largest_file_bytes=_bytes(values, "TIKTOK_PIPELINE_LARGEST_FILE", 200 * 1000**3),
            freshness_days=_number(values, "TIKTOK_PIPELINE_FRESHNESS_DAYS", 35.0),
            memory_limit=_memory(values, "TIKTOK_PIPELINE_MEMORY_LIMIT") or cls.memory_limit,
            threads=_whole_number(values, "TIKTOK_PIPELINE_THREADS"),
            pictures=_yes_or_no(values, "TIKTOK_PIPELINE_PICTURES", default=True),
        )

    @property
    def incoming(self) -> Path:
        """Where new scrapes are dropped."""
        return self.home / "incoming"

    @property
    def refused(self) -> Path:
        """Where files go that could not be read, each with a text that says why."""
        return self.incoming / "refused"

    @property
    def raw(self) -> Path:
        """One folder for each snapshot with its files and their manifest."""
        return self.home / "raw"

    @property
    def warehouse_file(self) -> Path:
        """The database that the runs write."""
        return self.home / "warehouse" / "tiktok.duckdb"

    @property
    def published_file(self) -> Path:
        """The copy that analysts read."""
        return self.home / "published" / "tiktok.duckdb"

    @property
    def reports(self) -> Path:
        """The reports, one page for each snapshot, and a folder for each with the pictures in it."""
        return self.home / "reports"

    @property
    def dagster_home(self) -> Path:
        """Dagster's own storage: runs, events, partitions."""
        return self.home / "dagster"

    @property
    def failures_file(self) -> Path:
        """One line for each run that failed."""
        return self.home / "failures.log"

    @property
    def forgotten_file(self) -> Path:
        """The salted hashes of those who asked to be forgotten."""
        return self.home / "forgotten.json"

    @property
    def lock_file(self) -> Path:
        """What a writer of this home holds while it works."""
        return self.home / ".lock"


def _default_home() -> Path:
    checkout = Path(__file__).resolve().parent.parent
    if (checkout / "pyproject.toml").is_file() and (checkout / "data").is_dir():
        return checkout / "data"
    from platformdirs import user_data_path  # noqa: PLC0415 - only an installed package needs it

    return user_data_path("tiktok_pipeline", appauthor=False)


def _number(values: Mapping[str, str], name: str, default: float) -> float:
    text = values.get(name)
    if not text:
        return default
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 < number < math.inf:
        msg = f"{name}={text!r}: expected a number above 0"
        raise SettingsError(msg)
    return number


def _whole_number(values: Mapping[str, str], name: str) -> int | None:
    text = values.get(name)
    if not text:
        return None
    if not re.fullmatch(r"[1-9][0-9]{0,3}", text.strip()):
        msg = f"{name}={text!r}: expected a whole number from 1 to 9999"
        raise SettingsError(msg)
    return int(text)


def _memory(values: Mapping[str, str], name: str) -> str | None:
    text = values.get(name)
    if not text:
        return None
    if not re.fullmatch(r"[0-9]*[1-9][0-9]*([.][0-9]+)? *([KMGT]i?B|%)", text.strip(), re.IGNORECASE):
        msg = f"{name}={text!r}: expected a size such as 4GB, 512MB or 80%"
        raise SettingsError(msg)
    return text.strip()


def _bytes(values: Mapping[str, str], name: str, default: int) -> int:
    text = values.get(name)
    if not text:
        return default
    found = re.fullmatch(r"([0-9]*[1-9][0-9]*(?:[.][0-9]+)?) *([KMGT]?)B", text.strip(), re.IGNORECASE)
    if not found:
        msg = f"{name}={text!r}: expected a size such as 20GB or 500MB"
        raise SettingsError(msg)
    return int(float(found[1]) * 1000 ** " KMGT".index(found[2].upper() or " "))


def _yes_or_no(values: Mapping[str, str], name: str, *, default: bool) -> bool:
    text = values.get(name)
    if not text:
        return default
    if text.strip().lower() not in ("yes", "no", "1", "0"):
        msg = f"{name}={text!r}: expected yes or no"
        raise SettingsError(msg)
    return text.strip().lower() in ("yes", "1")
