"""Videos of the sample: none after the scrape, none before the account, the same ones in every snapshot."""

from __future__ import annotations

import numpy as np
import pytest

from tiktok_pipeline.sample import creators
from tiktok_pipeline.sample.creators import Block
from tiktok_pipeline.sample.posts import Listed, Rhythm, listed_posts, post_second, posts_until
from tiktok_pipeline.sample.times import SECONDS_PER_DAY, observation_second, snapshot_day
from tiktok_pipeline.sample.truth import truth_table

MOST = 35


def block_of(snapshot: int) -> Block:
    return creators.block_at(0, profiles=3_000, snapshot=snapshot, random_state=7)


def videos(snapshot: int) -> tuple[Block, Listed]:
    block = block_of(snapshot)
    return block, block.listed_videos(snapshot, MOST)


@pytest.mark.parametrize("snapshot", [0, 1, 5])
def test_ids_hold_a_time_between_the_account_and_the_scrape(snapshot: int) -> None:
    block, listed = videos(snapshot)
    np.testing.assert_array_equal(listed.video_id >> 32, listed.second)
    assert (listed.second > block.created[listed.row]).all()
    assert (listed.second <= observation_second(snapshot, block.age_days)[listed.row]).all()
    assert len(np.unique(listed.video_id)) == len(listed.video_id)
    assert (listed.video_id < 2**63 - 1).all()
    noon = np.datetime64(snapshot_day(snapshot)).astype("datetime64[s]").astype(np.int64) + SECONDS_PER_DAY // 2
    assert listed.second.max() <= noon


def test_the_newest_come_first_and_no_more_than_the_creator_has() -> None:
    block, listed = videos(1)
    is_next = listed.row[1:] == listed.row[:-1]
    assert (np.diff(listed.second)[is_next] <= 0).all()
    counts = np.diff(listed.start)
    assert counts.min() >= 1
    assert (counts <= np.minimum(block.videos_count, MOST)).all()


def test_a_video_of_one_scrape_is_in_the_next_one_unless_newer_ones_push_it_out() -> None:
    first, listed = videos(0)
    later, again = videos(1)
    ids = {
        int(number): set(again.video_id[again.start[place] : again.start[place + 1]])
        for place, number in enumerate(later.number)
    }
    checked = 0
    for place, number in enumerate(first.number):
        if int(number) in ids:
            before = listed.video_id[listed.start[place] : listed.start[place + 1]]
            oldest = min(ids[int(number)])
            kept = {int(video) for video in before if video >= oldest}
            assert kept <= ids[int(number)]
            checked += len(kept)
    assert checked > 10_000


def test_new_videos_are_counted() -> None:
    before, now = block_of(0), block_of(1)
    both = np.isin(now.number, before.number)
    then = np.searchsorted(before.number, now.number[both])
    gained = now.videos_count[both] - before.videos_count[then]
    posted = posts_until(now.rhythm, observation_second(1, now.age_days))[both]
    posted_then = posts_until(before.rhythm, observation_second(0, before.age_days))[then]
    steady = before.videos_count[then] > 1
    np.testing.assert_array_equal(gained[steady], (posted - posted_then)[steady])
    assert (gained >= 0).all()


def test_the_pace_of_a_creator_lasts() -> None:
    first, sixth = block_of(0), block_of(5)
    both = np.isin(sixth.number, first.number)
    then = np.searchsorted(first.number, sixth.number[both])
    for name in ("gap", "short_gap", "first", "last"):
        np.testing.assert_array_equal(getattr(sixth.rhythm, name)[both], getattr(first.rhythm, name)[then])


def test_posts_by_hand() -> None:
    """Bursts of five, 100 seconds apart; the sixth post starts the second burst, 5 000 seconds after the first."""
    number = np.array([42])
    rhythm = Rhythm(
        number=number,
        first=np.array([1_000]),
        gap=np.array([1_000]),
        short_gap=np.array([100]),
        last=np.array([2**40]),
    )
    seconds = [int(post_second(rhythm, np.array([place]))[0]) for place in range(10)]
    starts = [1_000, 1_100, 1_200, 1_300, 1_400, 6_000, 6_100, 6_200, 6_300, 6_400]
    assert all(start <= second < start + 100 for start, second in zip(starts, seconds, strict=True))
    assert seconds[0] == 1_000
    for place, second in enumerate(seconds):
        assert posts_until(rhythm, np.array([second])) == place + 1
        assert posts_until(rhythm, np.array([second - 1])) == place
    ended = Rhythm(**{**vars(rhythm), "last": np.array([seconds[3]])})
    assert posts_until(ended, np.array([100_000])) == 4
    listed = listed_posts(ended, np.array([100_000]), np.array([99]), 3)
    assert listed.second.tolist() == [seconds[3], seconds[2], seconds[1]][: len(listed.second)]


def test_account_ids_are_older_than_the_first_video() -> None:
    truth = truth_table(profiles=3_000, snapshots=1, random_state=7).to_pandas()
    block, listed = videos(0)
    created = np.array([int(number) >> 32 for number in truth["tiktok_id"]])
    np.testing.assert_array_equal(created, block.created)
    assert (created[listed.row] < listed.second).all()
    assert truth["tiktok_id"].is_unique
