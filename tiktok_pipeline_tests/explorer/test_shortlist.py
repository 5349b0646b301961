"""The best set for a budget is exact; diversity is traded openly."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tiktok_pipeline.explorer.shortlist import Candidate, choose

CANDIDATES = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 50)), min_size=1, max_size=7).map(
    lambda pairs: [Candidate(f"c{n}", fee, value) for n, (fee, value) in enumerate(pairs)]
)


@settings(max_examples=25, deadline=None)
@given(CANDIDATES, st.integers(0, 40), st.integers(1, 5))
def test_no_set_within_the_budget_has_more(candidates: list[Candidate], budget: int, most: int) -> None:
    chosen = choose(candidates, budget=budget, most=most, diversity=0)
    sets = (group for size in range(most + 1) for group in combinations(candidates, size))
    best = max(sum(c.value for c in group) for group in sets if sum(c.fee for c in group) <= budget)
    assert chosen.value == pytest.approx(best)
    assert chosen.fee <= budget
    assert len(chosen.picks) <= most


def test_diversity_passes_over_who_is_like_the_picks_and_says_what_that_costs() -> None:
    candidates = [Candidate("a", 1, 100), Candidate("like a", 1, 90), Candidate("other", 1, 80)]
    places = np.array([[0.0, 0.0], [0.0, 0.1], [5.0, 5.0]])
    chosen = choose(candidates, budget=2, most=2, diversity=0.5, places=places)
    assert [pick.candidate.account_id for pick in chosen.picks] == ["a", "other"]
    assert (chosen.picks[0].gave_up, chosen.picks[0].passed_over) == (0, "")
    assert (chosen.picks[1].gave_up, chosen.picks[1].passed_over) == (10, "like a")
    assert (chosen.value, chosen.best_value) == (180, 190)


def test_a_budget_that_nobody_fits_gives_an_empty_set() -> None:
    assert choose([Candidate("a", 10, 1)], budget=5, most=3, diversity=0).picks == ()
