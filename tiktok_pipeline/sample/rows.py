"""The rows of a scrape as text, in the columns of the public data set or of the vendor's export."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tiktok_pipeline.sample import texts
from tiktok_pipeline.sample.creators import Block, block_at
from tiktok_pipeline.sample.draws import generator
from tiktok_pipeline.sample.flaws import draw_flaws, repeats, spoil
from tiktok_pipeline.sample.times import SCRAPING_DAYS, snapshot_day
from tiktok_pipeline.sample.videos import link_lists, object_lists

PUBLIC, VENDOR = "public_csv", "vendor_export"
"""The names of the dialects that the sample is written in."""

_PUBLIC_COLUMNS = (
    "timestamp", "account_id", "nickname", "biography", "awg_engagement_rate", "comment_engagement_rate",
    "like_engagement_rate", "bio_link", "is_verified", "followers", "following", "likes",
    "videos_count", "create_time",
    "id", "top_videos", "url", "profile_pic_url",
)  # fmt: skip
_VENDOR_COLUMNS = (*_PUBLIC_COLUMNS, "predicted_lang", "region", "is_private")
COLUMNS = {PUBLIC: _PUBLIC_COLUMNS, VENDOR: _VENDOR_COLUMNS}


@dataclass(frozen=True)
class Recipe:
    """The arguments that the rows of a snapshot depend on."""

    profiles: int
    snapshot: int
    random_state: int
    top_videos: int
    dialect: str

    def at(self, snapshot: int) -> Recipe:
        """Return the recipe of another snapshot."""
        return replace(self, snapshot=snapshot)

    def block(self, place: int) -> Block:
        """Return the creators of a block of the snapshot."""
        return block_at(place, profiles=self.profiles, snapshot=self.snapshot, random_state=self.random_state)

    def flaw_draws(self, place: int) -> np.random.Generator:
        """Return the random numbers that spoil the rows of a block."""
        return generator(self.random_state, 2, self.snapshot, place)


def tables_of(recipe: Recipe, place: int) -> list[pa.Table]:
    """Return the rows of one block as text, some with flaws, and then a few of its rows again."""
    block = recipe.block(place)
    return list(_tables(recipe, place, block)) if len(block.number) else []


def _tables(recipe: Recipe, place: int, block: Block) -> Iterator[pa.Table]:
    columns = _columns(recipe, block)
    table = pa.table({name: columns[name] for name in COLUMNS[recipe.dialect]})
    draws = recipe.flaw_draws(place)
    yield spoil(table, draw_flaws(len(table), draws))
    yield repeats(table, draws, older=str(snapshot_day(recipe.snapshot) - timedelta(days=SCRAPING_DAYS + 1)))


def _columns(recipe: Recipe, block: Block) -> dict[str, pa.Array]:
    handle = texts.handles(block.number, block.handle_version)
    url = pc.binary_join_element_wise("https://www.tiktok.com/@", handle, "")
    columns = {
        "timestamp": observed_days(recipe.snapshot, block),
        "account_id": handle,
        "nickname": texts.nicknames(block.number),
        "biography": texts.biographies(block.number),
        "awg_engagement_rate": _text(block.comment_rate + block.like_rate),
        "comment_engagement_rate": _text(block.comment_rate),
        "like_engagement_rate": _text(block.like_rate),
        "bio_link": texts.links(handle, block.has_link),
        "is_verified": _text(block.is_verified),
        "followers": _text(block.followers),
        "following": _text(block.following),
        "likes": _text(block.likes),
        "videos_count": _text(block.videos_count),
        "create_time": _constant("null", block),
        "id": texts.account_numbers(block.number, block.created),
        "url": url,
        "profile_pic_url": _constant("https://example.org/p.jpg", block),
    }
    listed = block.listed_videos(recipe.snapshot, recipe.top_videos)
    if recipe.dialect == PUBLIC:
        return {**columns, "top_videos": link_lists(url, listed)}
    return {
        **columns,
        "create_time": pa.array(block.created.astype("datetime64[s]")).cast(pa.string()),
        "top_videos": object_lists(url, listed, block),
        "predicted_lang": texts.languages(block.number),
        "region": texts.regions(block.number),
        "is_private": _constant("false", block),
    }


def observed_days(snapshot: int, block: Block) -> pa.Array:
    """Return the day on which each creator was observed."""
    day = snapshot_day(snapshot)
    days = pa.array([str(day - timedelta(days=age)) for age in range(SCRAPING_DAYS + 1)])
    return days.take(pa.array(block.age_days))


def _constant(text: str, block: Block) -> pa.Array:
    return pa.repeat(pa.scalar(text), len(block.number))


def _text(values: np.ndarray[Any, Any]) -> pa.Array:
    return pa.array(values).cast(pa.string())
