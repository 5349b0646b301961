"""The dialects: how each source of files spells the canonical columns, and how a file's dialect is recognized.

A dialect is a TOML file, here or in ``dialects/`` of the home. A file is recognized by the names of its columns.
"""

from __future__ import annotations

from tiktok_pipeline.raw.dialects.dialect import (
    CONTROL_COLUMNS,
    ERROR_COLUMNS,
    REQUIRED,
    CompetingColumnsError,
    Dialect,
    Recognition,
    UnknownDialectError,
    source_named,
)
from tiktok_pipeline.raw.dialects.load import DialectFileError, LoadedDialects, load_dialects
from tiktok_pipeline.raw.dialects.recognition import is_known_name, match_columns, recognize
from tiktok_pipeline.raw.dialects.shipped import DIALECTS, find_dialect, stored_recognition

__all__ = [
    "CONTROL_COLUMNS",
    "DIALECTS",
    "ERROR_COLUMNS",
    "REQUIRED",
    "CompetingColumnsError",
    "Dialect",
    "DialectFileError",
    "LoadedDialects",
    "Recognition",
    "UnknownDialectError",
    "find_dialect",
    "is_known_name",
    "load_dialects",
    "match_columns",
    "recognize",
    "source_named",
    "stored_recognition",
]
