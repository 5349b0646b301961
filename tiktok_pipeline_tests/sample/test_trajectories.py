"""How the creators of the sample change: one history, whichever snapshot is asked for."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from tiktok_pipeline.sample.creators import Block, block_at
from tiktok_pipeline.sample.times import DAYS_BETWEEN

SNAPSHOTS = 8


@pytest.fixture(scope="module")
def blocks() -> list[Block]:
    return [block_at(0, profiles=20_000, snapshot=place, random_state=11) for place in range(SNAPSHOTS)]


def pair(before: Block, now: Block) -> tuple[np.ndarray, np.ndarray]:
    """Return the places of the creators that are in both blocks."""
    _, then, here = np.intersect1d(before.number, now.number, return_indices=True)
    return then, here


@pytest.mark.parametrize("name", ["likes", "videos_count", "handle_version"])
def test_what_is_counted_for_ever_never_falls(name: str, blocks: list[Block]) -> None:
    for before, now in pairwise(blocks):
        then, here = pair(before, now)
        assert (getattr(now, name)[here] >= getattr(before, name)[then]).all()


def test_what_lasts_is_the_same_in_each_snapshot(blocks: list[Block]) -> None:
    for now in blocks[1:]:
        then, here = pair(blocks[0], now)
        for name in ("joined", "created", "is_verified", "has_link"):
            np.testing.assert_array_equal(getattr(now, name)[here], getattr(blocks[0], name)[then])


def test_growth_lasts_some_pace(blocks: list[Block]) -> None:
    """A creator that grew much in one period grows much in the next: the ranks agree."""
    growths = []
    numbers = blocks[2].number
    for before, now in ((blocks[0], blocks[1]), (blocks[1], blocks[2])):
        then, here = pair(before, now)
        days = DAYS_BETWEEN + before.age_days[then] - now.age_days[here]
        rate = np.log(now.followers[here] / before.followers[then]) / days
        growths.append(dict(zip(now.number[here].tolist(), rate.tolist(), strict=True)))
        numbers = np.intersect1d(numbers, now.number[here])
    large = [number for number in numbers.tolist() if number in growths[0] and number in growths[1]]
    first, second = ([growth[number] for number in large] for growth in growths)
    ranks = [np.argsort(np.argsort(values)) for values in (first, second)]
    assert np.corrcoef(ranks[0], ranks[1])[0, 1] > 0.5


def test_a_drop_after_a_jump_leaves_the_likes(blocks: list[Block]) -> None:
    fell = 0
    for before, now in pairwise(blocks):
        then, here = pair(before, now)
        dropped = now.followers[here] < 0.9 * before.followers[then]
        fell += int((dropped & (before.followers[then] > 100)).sum())
        assert (now.likes[here][dropped] >= before.likes[then][dropped]).all()
    assert fell > 50
