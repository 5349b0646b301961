"""The settings of one process: where the data is, and limits. The only reader of environment variables.

Nothing depends on the working directory. The home is ``TIKTOK_PIPELINE_HOME``, else ``data/`` of the checkout that
holds this file, else the user's data directory.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from tiktok_pipeline.errors import PipelineError

Continuity = Literal["study", "warm", "published"]

_LARGEST_NUMBER = 1_000_000
"""The largest number of seconds or days in a setting: dates can be computed with it."""


class SettingsError(PipelineError):
    """The value of an environment variable is invalid; the text names the variable and what is expected."""

    code = "settings"
    is_usage_error = True


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of one process; each field holds its default.

    Parameters
    ----------
    home : Path
        The folder with all data.
    lock_timeout_seconds : float
        Longest wait for a program that has the database open.
    home_timeout_seconds : float
        Longest wait for another refresh of the same home.
    settle_seconds : float
        How long a new file must be unchanged before it is ingested.
    largest_file_bytes : int
        Largest file that is ingested, uncompressed.
    freshness_days : float
        Age of the newest snapshot from which a check warns.
    posting_days, dormant_days : float
        A creator is posting up to ``posting_days`` after the last post, and dormant after more than ``dormant_days``.
    shortlist_followers : float
        Fewest followers of a creator in the shortlists of a report.
    memory_limit : str
        DuckDB's memory, such as ``4GB`` or a share of the machine's. The models hold their sample outside of it.
    threads : int, optional
        DuckDB's threads, and the processes that fit models; by default one per core.
    pictures : bool
        Whether figures are drawn.
    continuity : {"study", "warm", "published"}
        How a segmentation goes on from the snapshot before: as its study says, always, or never.
    engine : str
        What computes the tables: ``duckdb``, ``sail``, ``spark`` or ``local[N]`` for Apache Spark on this machine,
        ``spark://host:port`` for the master of a cluster, or ``sc://host:port`` for a server of Spark Connect.
    """

    home: Path
    lock_timeout_seconds: float = 30.0
    home_timeout_seconds: float = 3600.0
    settle_seconds: float = 10.0
    largest_file_bytes: int = 200 * 1000**3
    freshness_days: float = 35.0
    posting_days: float = 30.0
    dormant_days: float = 180.0
    shortlist_followers: float = 1_000.0
    memory_limit: str = "30%"
    threads: int | None = None
    pictures: bool = True
    continuity: Continuity = "study"
    engine: str = "duckdb"

    @classmethod
    def from_env(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """Read the settings from environment variables, by default those of this process.

        Raises
        ------
        SettingsError
            If a value is invalid.
        """
        values = os.environ if environment is None else environment
        home = values.get("TIKTOK_PIPELINE_HOME")
        posting_days = _number(values, "TIKTOK_PIPELINE_POSTING_DAYS", cls.posting_days)
        dormant_days = _number(values, "TIKTOK_PIPELINE_DORMANT_DAYS", cls.dormant_days)
        if dormant_days < posting_days:
            msg = f"TIKTOK_PIPELINE_DORMANT_DAYS={dormant_days:g}: expected at least TIKTOK_PIPELINE_POSTING_DAYS"
            raise SettingsError(f"{msg}, which is {posting_days:g}")
        return cls(
            home=_folder(home) if home else _default_home(),
            lock_timeout_seconds=_number(values, "TIKTOK_PIPELINE_LOCK_TIMEOUT_SECONDS", cls.lock_timeout_seconds),
            home_timeout_seconds=_number(values, "TIKTOK_PIPELINE_HOME_TIMEOUT_SECONDS", cls.home_timeout_seconds),
            settle_seconds=_number(values, "TIKTOK_PIPELINE_SETTLE_SECONDS", cls.settle_seconds),
            largest_file_bytes=_bytes(values, "TIKTOK_PIPELINE_LARGEST_FILE", cls.largest_file_bytes),
            freshness_days=_number(values, "TIKTOK_PIPELINE_FRESHNESS_DAYS", cls.freshness_days),
            posting_days=posting_days,
            dormant_days=dormant_days,
            shortlist_followers=_number(values, "TIKTOK_PIPELINE_SHORTLIST_FOLLOWERS", cls.shortlist_followers),
            memory_limit=_memory(values, "TIKTOK_PIPELINE_MEMORY_LIMIT") or cls.memory_limit,
            threads=_whole_number(values, "TIKTOK_PIPELINE_THREADS"),
            pictures=_yes_or_no(values, "TIKTOK_PIPELINE_PICTURES", default=cls.pictures),
            continuity=_continuity(values, "TIKTOK_PIPELINE_CONTINUITY", cls.continuity),
            engine=_engine(values, "TIKTOK_PIPELINE_ENGINE", cls.engine),
        )

    @property
    def incoming(self) -> Path:
        """The inbox: the folder for new scrapes."""
        return self.home / "incoming"

    @property
    def refused(self) -> Path:
        """The folder of files that cannot be read, each with its reason in a text file."""
        return self.incoming / "refused"

    @property
    def dialects(self) -> Path:
        """The folder of the user's own dialects, one TOML file each."""
        return self.home / "dialects"

    @property
    def raw(self) -> Path:
        """The folder of the delivered files: one folder per snapshot, with a manifest."""
        return self.home / "raw"

    @property
    def warehouse_file(self) -> Path:
        """The database that runs write."""
        return self.home / "warehouse" / "tiktok.duckdb"

    @property
    def published_file(self) -> Path:
        """The copy of the tables that analysts read."""
        return self.home / "published" / "tiktok.duckdb"

    @property
    def lists_file(self) -> Path:
        """The lists that users keep in the pages of ``explore``."""
        return self.home / "explorer" / "lists.sqlite"

    @property
    def reports(self) -> Path:
        """The folder of the reports: one page per snapshot, and a folder per snapshot with its figures."""
        return self.home / "reports"

    @property
    def dagster_home(self) -> Path:
        """The folder of Dagster's own storage: runs, events, partitions."""
        return self.home / "dagster"

    @property
    def processes(self) -> int:
        """The processes that fit models and draw figures at the same time: ``threads``, or one for each core."""
        return self.threads or os.cpu_count() or 1

    @property
    def failures_file(self) -> Path:
        """The log of failed runs, one line each."""
        return self.home / "failures.log"

    @property
    def forgotten_file(self) -> Path:
        """The salted hashes of the creators who asked to be erased."""
        return self.home / "forgotten.json"

    @property
    def erasure_journal(self) -> Path:
        """The names of a creator whose erasure has begun; it is deleted when the erasure ends."""
        return self.home / "forgetting.json"

    @property
    def lock_file(self) -> Path:
        """The file that a writer of this home locks."""
        return self.home / ".lock"


def _folder(text: str) -> Path:
    try:
        return Path(text).expanduser().resolve()
    except (RuntimeError, ValueError, OSError) as error:
        msg = f"TIKTOK_PIPELINE_HOME={text!r}: expected the path of a folder ({error})"
        raise SettingsError(msg) from error


def _default_home() -> Path:
    checkout = Path(__file__).resolve().parent.parent
    if (checkout / "pyproject.toml").is_file() and (checkout / "data").is_dir():
        return checkout / "data"
    from platformdirs import user_data_path  # noqa: PLC0415 - a checkout does not need it

    return user_data_path("tiktok_pipeline", appauthor=False)


def _number(values: Mapping[str, str], name: str, default: float) -> float:
    text = values.get(name)
    if not text:
        return default
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 < number <= _LARGEST_NUMBER:
        msg = f"{name}={text!r}: expected a number above 0 and at most {_LARGEST_NUMBER:,}"
        raise SettingsError(msg)
    return number


def _whole_number(values: Mapping[str, str], name: str) -> int | None:
    text = values.get(name)
    if not text:
        return None
    most = max(64, 4 * (os.cpu_count() or 1))
    if not re.fullmatch(r"[1-9][0-9]{0,4}", text.strip()) or int(text) > most:
        msg = f"{name}={text!r}: expected a whole number from 1 to {most}"
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
    match = re.fullmatch(r"([0-9]*[1-9][0-9]*(?:[.][0-9]+)?) *([KMGT]?)B", text.strip(), re.IGNORECASE)
    if not match:
        msg = f"{name}={text!r}: expected a size such as 20GB or 500MB"
        raise SettingsError(msg)
    return int(float(match[1]) * 1000 ** " KMGT".index(match[2].upper() or " "))


def _continuity(values: Mapping[str, str], name: str, default: Continuity) -> Continuity:
    text = values.get(name)
    if not text:
        return default
    choices: tuple[Continuity, ...] = get_args(Continuity)
    choice = next((choice for choice in choices if choice == text.strip().lower()), None)
    if choice is None:
        msg = f"{name}={text!r}: expected study, warm or published"
        raise SettingsError(msg)
    return choice


def _engine(values: Mapping[str, str], name: str, default: str) -> str:
    text = (values.get(name) or default).strip()
    if text.lower() in ("duckdb", "sail", "spark"):
        return text.lower()
    if re.fullmatch(r"local\[([1-9][0-9]{0,3}|\*)\]", text):
        return text
    address = re.fullmatch(r"(?:sc|spark)://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:]+\]):([0-9]{1,5})", text)
    if not address or not 0 < int(address[2]) < 65_536:
        msg = (
            f"{name}={text!r}: expected duckdb, sail, spark, local[2], or an address such as spark://host:7077 or "
            "sc://127.0.0.1:50051"
        )
        raise SettingsError(msg)
    return text


def _yes_or_no(values: Mapping[str, str], name: str, *, default: bool) -> bool:
    text = values.get(name)
    if not text:
        return default
    if text.strip().lower() not in ("yes", "no", "1", "0"):
        msg = f"{name}={text!r}: expected yes or no"
        raise SettingsError(msg)
    return text.strip().lower() in ("yes", "1")
