"""When creators post: a rhythm of their own that lasts, in bursts, from the first post on.

Everything is in whole seconds, so that the ids of videos are the same on all processors. An id of the platform holds
its time: ``id >> 32`` is the second.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tiktok_pipeline.sample.draws import mixed
from tiktok_pipeline.sample.trajectories import Traits

Integers = NDArray[np.int64]

POSTS_OF_A_BURST = 5
_NEVER = 2**40
_LIST_SHORTER_BY = (0,) * 77 + (1,) * 14 + (2,) * 6 + (8, 14, 20)
"""How many of a hundred creators list fewer videos than the vendor's most, and by how many (a real scrape)."""


@dataclass(frozen=True)
class Rhythm:
    """When each creator posts, in seconds.

    ``gap`` is the mean time between posts, ``short_gap`` the time between those of a burst; nothing is posted after
    ``last``.
    """

    number: Integers
    first: Integers
    gap: Integers
    short_gap: Integers
    last: Integers


def rhythm_of(number: Integers, traits: Traits, videos: Integers, second: Integers) -> Rhythm:
    """Return the rhythm that gives about ``videos`` posts from the making of the account until ``second``."""
    first = second - traits.account_age + 60 + mixed(number, 101) % 40_000
    end = second - traits.silence
    gap = np.maximum(16, (end - first) // np.maximum(videos, 1))
    return Rhythm(
        number=number,
        first=first,
        gap=gap,
        short_gap=gap * (1 + mixed(number, 102) % 12) // 16,
        last=np.where(traits.silence > 0, end, _NEVER),
    )


def posts_until(rhythm: Rhythm, second: Integers) -> Integers:
    """Return how many times each creator posted until a second."""
    until = np.minimum(second, rhythm.last)
    passed = np.maximum(0, until - rhythm.first)
    burst_length = POSTS_OF_A_BURST * rhythm.gap
    burst, rest = passed // burst_length, passed % burst_length
    place: Integers = POSTS_OF_A_BURST * burst + np.minimum(rest // rhythm.short_gap, POSTS_OF_A_BURST - 1)
    return np.where(post_second(rhythm, place) <= until, place + 1, place)


def post_second(rhythm: Rhythm, place: Integers) -> Integers:
    """Return when each creator made post ``place``, numbered from 0."""
    burst, within = place // POSTS_OF_A_BURST, place % POSTS_OF_A_BURST
    late: Integers = np.where(place > 0, mixed(rhythm.number, 1_000 + place) % rhythm.short_gap, 0)
    planned: Integers = rhythm.first + burst * (POSTS_OF_A_BURST * rhythm.gap) + within * rhythm.short_gap
    return planned + late


@dataclass(frozen=True)
class Listed:
    """Listed videos: ``row`` is the place of the creator, ``start`` the place of each creator's first video."""

    row: Integers
    start: Integers
    second: Integers
    video_id: Integers


def listed_posts(rhythm: Rhythm, second: Integers, videos_count: Integers, most: int) -> Listed:
    """Return the newest videos of each creator, the newest first; at least one and at most ``most``."""
    posted = np.maximum(1, posts_until(rhythm, second))
    fewer = np.array(_LIST_SHORTER_BY)[mixed(rhythm.number, 103) % len(_LIST_SHORTER_BY)]
    listed = np.minimum(np.minimum(videos_count, posted), np.maximum(1, most - fewer))
    start = np.concatenate([[0], np.cumsum(listed)])
    row = np.repeat(np.arange(len(posted)), listed)
    place = posted[row] - 1 - (np.arange(len(row)) - start[row])
    of_each = Rhythm(**{name: column[row] for name, column in vars(rhythm).items()})
    when = post_second(of_each, place)
    return Listed(row=row, start=start, second=when, video_id=(when << 32) | (mixed(of_each.number, 7 + place) >> 30))
