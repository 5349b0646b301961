"""How many examples Hypothesis draws: few in the quick suite, all with ``--hypothesis-profile=full``."""

from __future__ import annotations

import os

from hypothesis import settings

QUICK, FULL = "quick", "full"
_QUICK_SHARE = 5
_LEAST_EXAMPLES = 5


def register_profiles() -> None:
    """Register both profiles and load the quick one; the option of pytest loads the other afterwards.

    On a developer's machine each run draws other examples. CI draws the same ones every time.
    """
    is_ci = bool(os.environ.get("CI"))
    settings.register_profile(FULL, max_examples=100, derandomize=is_ci, deadline=None)
    settings.register_profile(QUICK, max_examples=100 // _QUICK_SHARE, derandomize=is_ci, deadline=None)
    settings.load_profile(QUICK)


def examples(count: int) -> int:
    """Return ``count`` in the full profile, a fifth of it (at least 5) in the quick one."""
    if settings.get_current_profile_name() == FULL:
        return count
    return max(count // _QUICK_SHARE, min(count, _LEAST_EXAMPLES))
