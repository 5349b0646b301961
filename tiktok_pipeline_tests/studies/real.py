"""The real files behind the published results, and the type of the function that analyses one."""

from __future__ import annotations

from collections.abc import Callable

from tiktok_pipeline.analysis.run_study import Segments

PROFILES, SPREADSHEET, ACTIVITY = "profiles_2023-08-12.csv", "profiles_2023-08-12_excel.csv", "creator_activity.csv"
Run = Callable[[str, str], Segments]
"""Return the segments of a study (by name) on a file."""
