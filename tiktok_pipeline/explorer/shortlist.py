"""The best set of creators for a budget: exact for the reach of a set, or traded against how alike its members are.

The value of a creator is the expected engagements of one video: followers times engagement rate. Without diversity
the set with the highest total value within the budget is found exactly, as a 0-1 program. With diversity the set is
built pick by pick: each pick maximizes ``(1 - diversity) * value - diversity * likeness to the picks so far``.

References
----------
J. Carbonell and J. Goldstein (1998), "The use of MMR, diversity-based reranking", SIGIR.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tiktok_pipeline.arrays import Matrix

MOST_CANDIDATES = 200
_SOLVER_SECONDS = 5.0


@dataclass(frozen=True)
class Candidate:
    """A creator that can be picked: its fee and its value, in the user's currency and in engagements a video."""

    account_id: str
    fee: float
    value: float


@dataclass(frozen=True)
class Pick:
    """A picked creator. ``passed_over`` had a higher value and fitted the budget; ``gave_up`` is the difference."""

    candidate: Candidate
    gave_up: float = 0.0
    passed_over: str = ""


@dataclass(frozen=True)
class Shortlist:
    """A set of creators within the budget, and the total value of the best set without regard to diversity."""

    picks: tuple[Pick, ...]
    best_value: float

    @property
    def fee(self) -> float:
        """The sum of the fees."""
        return sum(pick.candidate.fee for pick in self.picks)

    @property
    def value(self) -> float:
        """The sum of the values."""
        return sum(pick.candidate.value for pick in self.picks)


def choose(
    candidates: Sequence[Candidate], *, budget: float, most: int, diversity: float, places: Matrix | None = None
) -> Shortlist:
    """Choose creators within a budget.

    Parameters
    ----------
    candidates : sequence of Candidate
        Fees and values are at least 0.
    budget : float
        The sum of the fees is at most this.
    most : int
        Most creators.
    diversity : float
        0 picks by value alone (exact), 1 by difference alone.
    places : array of shape (candidates, figures), optional
        The figures by which likeness is measured, each on a comparable scale; needed for a diversity above 0.

    Examples
    --------
    >>> candidates = [Candidate("a", 60, 10), Candidate("b", 50, 7), Candidate("c", 50, 7)]
    >>> [pick.candidate.account_id for pick in choose(candidates, budget=100, most=3, diversity=0).picks]
    ['b', 'c']
    """
    best = _exact(candidates, budget, most)
    best_value = sum(candidates[number].value for number in best)
    if diversity <= 0 or places is None:
        picks = tuple(Pick(candidates[number]) for number in best)
    else:
        picks = _diverse(candidates, budget, most, min(diversity, 1.0), places)
    return Shortlist(picks, best_value)


def _exact(candidates: Sequence[Candidate], budget: float, most: int) -> list[int]:
    """Return the positions of the set with the highest value, the most valuable first."""
    import numpy as np  # noqa: PLC0415
    from scipy.optimize import Bounds, LinearConstraint, milp  # noqa: PLC0415 - it takes a second to load

    usable = [number for number, candidate in enumerate(candidates) if candidate.fee <= budget]
    if not usable or most < 1:
        return []
    values = np.array([candidates[number].value for number in usable])
    fees = np.array([candidates[number].fee for number in usable])
    solved = milp(
        -values,
        integrality=np.ones(len(usable)),
        bounds=Bounds(0, 1),
        constraints=[
            LinearConstraint(fees[None, :], ub=budget),
            LinearConstraint(np.ones((1, len(usable))), ub=most),
        ],
        options={"time_limit": _SOLVER_SECONDS, "mip_rel_gap": 0.0},
    )
    if solved.x is None:
        return []
    picked = [usable[place] for place in np.flatnonzero(solved.x > 0.5)]
    return sorted(picked, key=lambda number: (-candidates[number].value, candidates[number].account_id))


def _diverse(
    candidates: Sequence[Candidate], budget: float, most: int, diversity: float, places: Matrix
) -> tuple[Pick, ...]:
    """Pick one by one: value on a scale of 0 to 1 against the likeness to the most similar pick."""
    import numpy as np  # noqa: PLC0415

    highest = max((candidate.value for candidate in candidates), default=0.0) or 1.0
    distances = np.sqrt(((places[:, None, :] - places[None, :, :]) ** 2).sum(axis=2))
    alike = 1.0 / (1.0 + distances)
    picks: list[Pick] = []
    chosen: list[int] = []
    left = budget
    while len(chosen) < most:
        open_ = [n for n, candidate in enumerate(candidates) if n not in chosen and candidate.fee <= left]
        if not open_:
            break
        scores = {
            n: (1 - diversity) * candidates[n].value / highest
            - diversity * max((float(alike[n, other]) for other in chosen), default=0.0)
            for n in open_
        }
        picked = max(open_, key=lambda n: (scores[n], candidates[n].value, candidates[n].account_id))
        strongest = max(open_, key=lambda n: (candidates[n].value, candidates[n].account_id))
        gave_up = candidates[strongest].value - candidates[picked].value
        passed_over = candidates[strongest].account_id if gave_up > 0 else ""
        picks.append(Pick(candidates[picked], gave_up, passed_over))
        chosen.append(picked)
        left -= candidates[picked].fee
    return tuple(picks)
