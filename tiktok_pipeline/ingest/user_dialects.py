"""The user's own dialects, from ``dialects/`` of the home."""

from __future__ import annotations

from tiktok_pipeline.raw.dialects import DIALECTS, LoadedDialects, load_dialects
from tiktok_pipeline.settings import Settings


def user_dialects(settings: Settings) -> LoadedDialects:
    """Read the dialects of a home; a file with a mistake gives an error and does not stop the others."""
    return load_dialects(settings.dialects, reserved={dialect.name for dialect in DIALECTS})
