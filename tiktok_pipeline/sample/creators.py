"""The population: who is in a snapshot, and with which numbers.

A creator's numbers follow a Gaussian copula over the quantiles of a real scrape (Nelsen 2006, ch. 2): normal scores
with its rank correlations, each mapped through a quantile table. `trajectories` has how they change, and `posts` when
a creator posts. Creators are drawn in blocks by their number; a block depends only on the seed and its own number.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from tiktok_pipeline.sample.draws import BLOCK_CREATORS, generator
from tiktok_pipeline.sample.posts import Listed, Rhythm, listed_posts, posts_until, rhythm_of
from tiktok_pipeline.sample.times import observation_second, snapshot_second
from tiktok_pipeline.sample.trajectories import Traits, Trajectory, draw_traits, draw_trajectory

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]

JOINING_SHARE = 0.05
LEAVING_SHARE = 0.04

BUILDER_SHARE = 0.07
CELEBRITY_EVERY = 700
BUILDER = {
    "followers": (3.8, 0.5),
    "following": (3.87, 0.05),
    "likes": (4.9, 0.5),
    "videos_count": (2.6, 0.35),
    "rate": (-1.85, 0.3),
}
CELEBRITY = {
    "followers": (7.1, 0.06),
    "following": (1.4, 0.2),
    "likes": (8.75, 0.08),
    "videos_count": (3.2, 0.1),
    "rate": (-2.05, 0.1),
}
"""Two groups that are distinct in real scrapes: mean and spread of the decimal logarithm of each number. Builders are
small and follow thousands of others. One creator in 700 is a celebrity; half of the celebrities are verified."""

_SHARES = (0.0, 0.01, 0.05, 0.1, 0.25, 0.4, 0.5, 0.6, 0.75, 0.9, 0.95, 0.99, 0.998, 1.0)
_LOG10_QUANTILES: dict[str, tuple[float, ...]] = {
    "followers": (0.30, 0.85, 1.48, 1.94, 2.83, 3.31, 3.72, 4.01, 4.50, 5.17, 5.58, 6.30, 6.75, 7.2),
    "likes": (0.60, 1.08, 1.67, 2.25, 3.29, 4.08, 4.59, 5.09, 5.70, 6.46, 6.92, 7.84, 8.22, 9.0),
    "videos_count": (0.30, 0.30, 0.48, 0.70, 1.28, 1.66, 1.95, 2.18, 2.50, 2.90, 3.07, 3.34, 3.48, 3.75),
    "following": (0.0, 0.30, 0.85, 1.23, 1.85, 2.20, 2.42, 2.62, 2.94, 3.28, 3.45, 3.62, 3.70, 3.78),
    "rate": (-4.0, -3.32, -2.82, -2.54, -1.90, -1.53, -1.27, -1.04, -0.69, -0.07, 0.28, 0.85, 1.58, 1.8),
    "comment_share": (-3.5, -3.0, -2.5, -2.3, -2.0, -1.72, -1.57, -1.43, -1.20, -0.95, -0.76, -0.43, -0.30, 0.0),
}
"""Rounded decimal logarithms of count + 1 for counts, and of the fraction for rates, at the quantiles `_SHARES`."""

_NUMBERS = tuple(_LOG10_QUANTILES)
_RANK_CORRELATIONS = np.array(
    [
        [1.00, 0.93, 0.67, 0.09, -0.52, -0.49],
        [0.93, 1.00, 0.70, 0.03, -0.36, -0.55],
        [0.67, 0.70, 1.00, 0.24, -0.63, -0.27],
        [0.09, 0.03, 0.24, 1.00, -0.33, 0.13],
        [-0.52, -0.36, -0.63, -0.33, 1.00, -0.02],
        [-0.49, -0.55, -0.27, 0.13, -0.02, 1.00],
    ]
)
_VERIFIED_AT = ((2.0, 0.0), (4.0, 0.002), (5.0, 0.02), (6.0, 0.2), (6.8, 0.55), (7.5, 0.6))
_LINKED_AT = ((1.5, 0.005), (3.0, 0.06), (4.0, 0.22), (5.0, 0.35), (6.0, 0.5), (7.0, 0.8))


@dataclass(frozen=True)
class Block:
    """The creators of one block in a snapshot, as columns of equal length.

    ``number`` identifies the creator, ``handle_version`` counts changes of the handle, rates are fractions of
    followers. ``age_days`` says how long before the day of the snapshot the creator was observed; all numbers are of
    that day. ``has_jumped`` is true if the followers multiplied since the snapshot before.
    """

    number: Integers
    joined: Integers
    age_days: Integers
    handle_version: Integers
    followers: Integers
    following: Integers
    likes: Integers
    videos_count: Integers
    comment_rate: Floats
    like_rate: Floats
    is_verified: Booleans
    has_link: Booleans
    has_jumped: Booleans
    created: Integers
    rhythm: Rhythm

    def listed_videos(self, snapshot: int, most: int) -> Listed:
        """Return the newest videos of each creator at the observation, at most ``most``."""
        return listed_posts(self.rhythm, observation_second(snapshot, self.age_days), self.videos_count, most)


def block_count(*, profiles: int, snapshot: int) -> int:
    """Return the number of blocks of a snapshot (numbered from 0); see `block_at`."""
    return -(-_pool(profiles, snapshot) // BLOCK_CREATORS)


def block_at(place: int, *, profiles: int, snapshot: int, random_state: int) -> Block:
    """Return the creators of block ``place`` that exist at a snapshot (numbered from 0); it may be empty.

    The first snapshot has ``profiles`` creators; at each later one 5 % join and 4 % leave.
    """
    start = place * BLOCK_CREATORS
    number = np.arange(start, min(start + BLOCK_CREATORS, _pool(profiles, snapshot)), dtype=np.int64)
    joined = np.where(number < profiles, 0, (number - profiles) // max(1, round(profiles * JOINING_SHARE)) + 1)
    first = _first_numbers(number, joined, place, random_state)
    is_there = snapshot - joined <= first.stays
    traits = draw_traits(place, len(number), random_state)
    trajectory = draw_trajectory(place, traits, joined=joined, snapshot=snapshot, random_state=random_state)
    # The first creator of a block is observed on the day of the snapshot, so that the file has a row of that day.
    trajectory.age_days[np.flatnonzero(is_there)[:1]] = 0
    return only(_observed(first, traits, trajectory, snapshot), is_there)


def only(block: Block, kept: Booleans) -> Block:
    """Return the creators of a block for which ``kept`` is true."""
    rhythm = Rhythm(**{name: column[kept] for name, column in vars(block.rhythm).items()})
    columns = {field.name: getattr(block, field.name) for field in fields(block) if field.name != "rhythm"}
    return Block(**{name: column[kept] for name, column in columns.items()}, rhythm=rhythm)


def _pool(profiles: int, snapshot: int) -> int:
    return profiles + snapshot * round(profiles * JOINING_SHARE)


@dataclass(frozen=True)
class _FirstNumbers:
    """The numbers of creators in their first snapshot, and for how many snapshots they stay."""

    number: Integers
    joined: Integers
    values: dict[str, Floats]
    stays: Floats
    has_comments: Booleans
    is_verified: Booleans
    has_link: Booleans


def _first_numbers(number: Integers, joined: Integers, place: int, random_state: int) -> _FirstNumbers:
    draws = generator(random_state, 1, place)
    scores = draws.standard_normal((BLOCK_CREATORS, len(_NUMBERS)))[: len(number)] @ _factor().T
    chance = draws.random((BLOCK_CREATORS, 6))[: len(number)]
    values = {name: _number(name, scores[:, column]) for column, name in enumerate(_NUMBERS)}
    is_builder, is_celebrity = chance[:, 5] < BUILDER_SHARE, number % CELEBRITY_EVERY == CELEBRITY_EVERY // 2
    _shape(values, is_builder, BUILDER, scores)
    _shape(values, is_celebrity, CELEBRITY, scores)
    log_followers = np.log10(values["followers"])
    verified = chance[:, 3] < _chance(log_followers, _VERIFIED_AT)
    return _FirstNumbers(
        number=number,
        joined=joined,
        values=values,
        stays=np.floor(np.log(chance[:, 0]) / np.log(1.0 - LEAVING_SHARE)),
        has_comments=chance[:, 4] >= 0.01,
        is_verified=np.where(is_celebrity, number // CELEBRITY_EVERY % 2 == 0, verified & ~is_builder),
        has_link=draws.random(BLOCK_CREATORS)[: len(number)] < _chance(log_followers, _LINKED_AT),
    )


def _observed(first: _FirstNumbers, traits: Traits, trajectory: Trajectory, snapshot: int) -> Block:
    """Return the numbers on the day of the observation."""
    videos_at_first, start = _rounded(first.values["videos_count"] - 1), snapshot_second(first.joined)
    rhythm = rhythm_of(first.number, traits, videos_at_first, start)
    new_videos = posts_until(rhythm, observation_second(snapshot, trajectory.age_days)) - posts_until(rhythm, start)
    videos_count = np.maximum(1, videos_at_first + new_videos)
    growth_of_likes = (videos_count / videos_at_first) ** 0.8 * 10.0 ** trajectory.log_likes()
    following = np.rint((first.values["following"] - 1) * 10.0**trajectory.log_following).astype(np.int64)
    rate = np.clip(first.values["rate"] * 10.0 ** trajectory.log_rate(), 1e-5, 60.0)
    share = np.where(first.has_comments, np.minimum(first.values["comment_share"], 0.5), 0.0)
    return Block(
        number=first.number,
        joined=first.joined,
        age_days=trajectory.age_days,
        handle_version=trajectory.renames,
        followers=_rounded((first.values["followers"] - 1) * 10.0 ** trajectory.log_growth()),
        following=np.clip(following, 0, 10_000),
        likes=_rounded((first.values["likes"] - 1) * growth_of_likes),
        videos_count=videos_count,
        comment_rate=rate * share,
        like_rate=rate - rate * share,
        is_verified=first.is_verified,
        has_link=first.has_link,
        has_jumped=trajectory.has_jumped,
        created=start - traits.account_age,
        rhythm=rhythm,
    )


def _rounded(values: Floats) -> Integers:
    """Return whole numbers, at least 1."""
    return np.maximum(1, np.rint(values)).astype(np.int64)


def _shape(
    numbers: dict[str, Floats], chosen: Booleans, group: dict[str, tuple[float, float]], scores: Floats
) -> None:
    """Replace the numbers of the chosen creators by those of a group, spread by the same normal scores."""
    for name, (mean, spread) in group.items():
        own = 10.0 ** (mean + spread * scores[:, _NUMBERS.index(name)])
        numbers[name] = np.where(chosen, own, numbers[name])


def _chance(log_followers: Floats, at: tuple[tuple[float, float], ...]) -> Floats:
    """Interpolate a probability by audience size, linearly between the points."""
    sizes, chances = np.array(at).T
    return np.asarray(np.interp(log_followers, sizes, chances), dtype=np.float64)


def _factor() -> Floats:
    """Return the Cholesky factor of the scores' Pearson correlations: 2 sin(pi r / 6) of the rank correlations."""
    pearson = 2.0 * np.sin(np.pi * _RANK_CORRELATIONS / 6.0)
    values, vectors = np.linalg.eigh(pearson)
    nearest = vectors @ np.diag(np.maximum(values, 1e-6)) @ vectors.T
    scale = np.sqrt(np.diag(nearest))
    return np.linalg.cholesky(nearest / np.outer(scale, scale))


def _number(name: str, scores: Floats) -> Floats:
    """Map normal scores through a quantile table, linearly between the knots on the normal scale."""
    inside = np.clip(_SHARES, 2e-4, 1.0 - 2e-4)
    knots = ndtri(inside)
    logs = np.interp(np.clip(scores, -6, 6), knots, _LOG10_QUANTILES[name])
    # Beyond the last knot the tail keeps its slope, so that larger files hold larger accounts.
    if name in ("followers", "likes"):
        slope = (_LOG10_QUANTILES[name][-1] - _LOG10_QUANTILES[name][-2]) / (knots[-1] - knots[-2])
        logs = logs + np.maximum(0.0, scores - knots[-1]) * slope * 0.5
    return np.asarray(10.0**logs, dtype=np.float64)
