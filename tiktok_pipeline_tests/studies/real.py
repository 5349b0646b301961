"""The real files that the published tables are held to, and what runs a segmentation over one."""

from __future__ import annotations

from collections.abc import Callable

from tiktok_pipeline.analysis.run_study import Segments

PROFILES, SPREADSHEET, ACTIVITY = "profiles_2023-08-12.csv", "profiles_2023-08-12_excel.csv", "creator_activity.csv"
Run = Callable[[str, str], Segments]
"""Gives the segments of a study over a file."""
