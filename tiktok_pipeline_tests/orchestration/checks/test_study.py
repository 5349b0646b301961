"""The check of a study's model warns from a share of moved creators on, and says the share."""

from __future__ import annotations

import pytest

from tiktok_pipeline.orchestration.checks.study import model_verdict
from tiktok_pipeline.personas.transitions import MOST_MODEL_MOVED


@pytest.mark.parametrize(
    ("share", "is_still", "says"),
    [
        (None, True, "no creator with a segment in both"),
        (0.0, True, "moved 0.00 %"),
        (MOST_MODEL_MOVED, True, "moved 5.00 %"),
        (0.0504, False, "moved 5.04 %"),
        (0.468, False, "moved 46.80 %"),
    ],
)
def test_it_warns_above_five_percent(share: float | None, is_still: bool, says: str) -> None:
    found, why = model_verdict(share)
    assert found is is_still
    assert says in why
