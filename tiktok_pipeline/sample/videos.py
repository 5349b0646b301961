"""The cell ``top_videos``: links as in the public data set, or objects with counts as in the vendor's export."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.special import ndtri

from tiktok_pipeline.sample.creators import Block, Floats
from tiktok_pipeline.sample.draws import mixed
from tiktok_pipeline.sample.posts import Listed

_SPREAD = 0.9
"""Standard deviation of the natural logarithm of the likes of a creator's videos."""


def link_lists(profile: pa.Array, listed: Listed) -> pa.Array:
    """Return the links to the videos of each creator, joined by commas; ``profile`` is the creator's link."""
    return pc.binary_join(_lists(listed, _links(profile, listed)), ",")


def object_lists(profile: pa.Array, listed: Listed, block: Block) -> pa.Array:
    """Return a list of objects as JSON text: the link, the id, the time and the counts of each video."""
    reach = _factor(listed, 11)
    followers = block.followers[listed.row].astype(np.float64)
    likes = followers * block.like_rate[listed.row] * reach
    comments = followers * block.comment_rate[listed.row] * reach * _factor(listed, 12) ** 0.5
    when = pa.array(listed.second.astype("datetime64[s]")).cast(pa.string())
    plays = likes * 9.0 * _factor(listed, 13) ** 0.4 + 25.0
    items = pc.binary_join_element_wise(
        '{"video_url":"', _links(profile, listed), '","video_id":"', pa.array(listed.video_id).cast(pa.string()),
        '","create_date":"', pc.replace_substring(when, " ", "T"), '.000Z","playcount":', _count(plays),
        ',"diggcount":', _count(likes), ',"commentcount":', _count(comments), ',"share_count":', _count(likes * 0.02),
        ',"favorites_count":', _count(likes * 0.05), "}", "",
    )  # fmt: skip
    return pc.binary_join_element_wise("[", pc.binary_join(_lists(listed, items), ","), "]", "")


def _links(profile: pa.Array, listed: Listed) -> pa.Array:
    address = pc.binary_join_element_wise(profile, "/video/", "").take(pa.array(listed.row))
    return pc.binary_join_element_wise(address, pa.array(listed.video_id).cast(pa.string()), "")


def _lists(listed: Listed, items: pa.Array) -> pa.ListArray:
    return pa.ListArray.from_arrays(pa.array(listed.start, pa.int32()), items)


def _factor(listed: Listed, salt: int) -> Floats:
    """Return by how much each video does better than the creator's others: lognormal with mean 1."""
    chance = (mixed(listed.video_id, salt) % 1_000_000 + 0.5) / 1_000_000
    return np.asarray(np.exp(_SPREAD * ndtri(chance) - 0.5 * _SPREAD**2), dtype=np.float64)


def _count(values: Floats) -> pa.Array:
    return pa.array(np.rint(values).astype(np.int64)).cast(pa.string())
