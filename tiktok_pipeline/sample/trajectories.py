"""How creators change from snapshot to snapshot: they grow, stall, shrink, jump, and change their handle.

Each creator has a pace of its own that lasts, with some noise. One that posts mostly grows, a young account faster.
One that fell silent stalls or shrinks. A few jump, and a few lose a part of their followers at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tiktok_pipeline.sample.draws import BLOCK_CREATORS, generator
from tiktok_pipeline.sample.times import DAYS_BETWEEN, SCRAPING_DAYS, SECONDS_PER_DAY

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]

HANDLE_CHANGE_SHARE = 0.006
JUMP_SHARE = 0.002
DROP_SHARE = 0.0015
"""Shares of the creators in each period between two snapshots."""

_SMALLEST_JUMP, _LARGEST_JUMP = 0.3, 0.9
_SMALLEST_DROP, _LARGEST_DROP = 0.05, 0.3
"""Decimal logarithms of the factor of the followers."""

_ACCOUNT_AGE = ((0.0, 60), (0.05, 512), (0.25, 847), (0.5, 1216), (0.75, 1474), (0.9, 1780), (1.0, 2035))
_SILENCE = ((0.0, 0), (0.4, 0), (0.5, 96), (0.75, 560), (0.9, 1110), (1.0, 1250))
"""Quantiles, in days, of a real scrape: the age of the account, and the time since the last post of a silent one."""

_FASTEST = 0.03
_LIKES_PER_PERIOD = 0.001
_STRAIGHT_SHARE = 0.5
"""The share of creators that never change whom they follow."""


@dataclass(frozen=True)
class Traits:
    """What lasts: the age of the account and its silence in seconds, at its first snapshot, and the pace of growth.

    ``silence`` is 0 for a creator that still posts. ``pace`` is the decimal logarithm of the growth of a period.
    """

    account_age: Integers
    silence: Integers
    pace: Floats
    is_curious: Booleans


@dataclass
class Trajectory:
    """What happened to each creator from its first snapshot to this one; floats are decimal logarithms of factors.

    ``until_snapshot`` is the steady growth of the followers until the day of the snapshot, and ``last_period`` its
    part since the snapshot before. ``sudden`` is the sum of the jumps and drops, ``jumps`` that of the jumps.
    ``wobble`` is how much better the newest videos do.
    """

    age_days: Integers
    periods: Integers
    until_snapshot: Floats
    last_period: Floats
    log_following: Floats
    wobble: Floats
    renames: Integers
    has_jumped: Booleans
    sudden: Floats
    jumps: Floats
    is_silent: Booleans

    def log_growth(self) -> Floats:
        """Return the growth of the followers until the day of the observation."""
        return self.until_snapshot + self.sudden - self._part_ahead() * self.last_period

    def log_likes(self) -> Floats:
        """Return the growth of the likes of old videos until the day of the observation; it never falls."""
        return _LIKES_PER_PERIOD * (self.periods - self._part_ahead()) + 0.5 * self.jumps

    def log_rate(self) -> Floats:
        """Return the change of the engagement rate; new videos do a bit better or worse than the old ones."""
        growth = self.log_growth()
        return np.where(self.is_silent, -growth, -0.5 * growth + self.wobble)

    def _part_ahead(self) -> Floats:
        """Return the part of the last period that lies between the observation and the snapshot."""
        return self.age_days / DAYS_BETWEEN


def draw_traits(place: int, creators: int, random_state: int) -> Traits:
    """Draw what lasts of the first ``creators`` creators of a block."""
    draws = generator(random_state, 4, place)
    chance = draws.random((3, BLOCK_CREATORS))[:, :creators]
    score = draws.standard_normal(BLOCK_CREATORS)[:creators]
    age = _quantile(chance[0], _ACCOUNT_AGE)
    silence = np.minimum(_quantile(chance[1], _SILENCE), age * 9 // 10)
    young = np.minimum(_FASTEST, 0.4 * DAYS_BETWEEN * SECONDS_PER_DAY / age)
    pace = np.where(silence > 0, 0.0012 * score - 0.0004, young * np.clip(1.0 + 0.8 * score, -1.0, 2.5))
    return Traits(account_age=age, silence=silence, pace=pace, is_curious=chance[2] >= _STRAIGHT_SHARE)


def draw_trajectory(place: int, traits: Traits, *, joined: Integers, snapshot: int, random_state: int) -> Trajectory:
    """Draw what happened to the creators of a block until a snapshot; the same for each later one.

    Parameters
    ----------
    place : int
        The number of the block.
    traits : Traits
        What lasts of its creators.
    joined : array of int
        The first snapshot of each creator.
    snapshot : int
        The number of the snapshot.
    random_state : int
        Seed of all draws.
    """
    creators = len(joined)
    zeros = np.zeros(creators)
    ages = generator(random_state, 6, snapshot, place).geometric(0.18, BLOCK_CREATORS)[:creators] - 1
    is_silent = traits.silence > 0
    trajectory = Trajectory(
        age_days=np.minimum(ages, SCRAPING_DAYS),
        periods=snapshot - joined,
        until_snapshot=zeros.copy(),
        last_period=traits.pace.copy(),
        log_following=zeros.copy(),
        wobble=zeros.copy(),
        renames=np.zeros(creators, dtype=np.int64),
        has_jumped=np.zeros(creators, dtype=np.bool_),
        sudden=zeros.copy(),
        jumps=zeros.copy(),
        is_silent=is_silent,
    )
    for period in range(1, snapshot + 1):
        draws = generator(random_state, 5, period, place)
        scores = draws.standard_normal((3, BLOCK_CREATORS))[:, :creators]
        chance = draws.random((3, BLOCK_CREATORS))[:, :creators]
        is_there = joined < period
        step = np.where(is_there, traits.pace + scores[0] * np.where(is_silent, 0.0004, 0.003), traits.pace)
        sudden = np.where(is_there, _sudden(chance[0], chance[1]), 0.0)
        trajectory.until_snapshot += np.where(is_there, step, 0.0)
        trajectory.last_period = step
        trajectory.sudden += sudden
        trajectory.jumps += np.maximum(sudden, 0.0)
        trajectory.has_jumped = sudden > 0
        trajectory.log_following += np.where(is_there & traits.is_curious, 0.001 + 0.008 * scores[1], 0.0)
        trajectory.wobble = np.where(is_there, 0.02 * scores[2], 0.0)
        trajectory.renames += is_there & (chance[2] < HANDLE_CHANGE_SHARE)
    return trajectory


def _sudden(chance: Floats, size: Floats) -> Floats:
    """Return the jumps and drops: right after the snapshot before, so that every later observation shows them."""
    jump = _SMALLEST_JUMP + (_LARGEST_JUMP - _SMALLEST_JUMP) * size
    drop = -_SMALLEST_DROP - (_LARGEST_DROP - _SMALLEST_DROP) * size
    return np.where(chance < JUMP_SHARE, jump, np.where(chance > 1.0 - DROP_SHARE, drop, 0.0))


def _quantile(chance: Floats, days_at: tuple[tuple[float, int], ...]) -> Integers:
    """Return whole seconds: sums and products only, so that all processors give the same."""
    shares, days = zip(*days_at, strict=True)
    seconds: Floats = np.interp(chance, shares, days) * SECONDS_PER_DAY
    return seconds.astype(np.int64)
