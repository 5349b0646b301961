"""What a check of ``doctor`` finds: its level, a text, what to do, and a repair of one key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Fix:
    """A repair of one key that changes nothing else.

    ``remove_rows`` removes the tables and reports of a snapshot without files, ``remove_partition`` and
    ``add_partition`` change what Dagster knows, ``set_aside`` renames a damaged database file.
    """

    action: Literal["remove_rows", "remove_partition", "add_partition", "set_aside"]
    key: str


@dataclass(frozen=True)
class Finding:
    """The result of one check: its level, what was found, what to do about it ("" if nothing), and its repair."""

    level: Literal["ok", "warning", "error"]
    message: str
    remedy: str = ""
    fix: Fix | None = None
