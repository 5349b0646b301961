"""Invented texts of profiles: handles, names, biographies in several scripts, links. None belongs to a real person.

Texts are assembled from short lists by creator number, column by column (pyarrow): millions take seconds.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Integers = NDArray[np.int64]

_ONSETS = ("ba", "ko", "li", "mu", "ne", "ra", "su", "ti", "vo", "ze", "fla", "gri", "plo", "shu", "tra", "wex")
_ENDINGS = (
    "bit",
    "dor",
    "fy",
    "gum",
    "jax",
    "lume",
    "mop",
    "nix",
    "pax",
    "quin",
    "rix",
    "sol",
    "tune",
    "vibe",
    "wick",
    "zup",
)
_JOINTS = (".", "_", "", "__")
_NICKNAMES = (
    "Lumi", "Baxo", "Dorita ✨", "キリ", "Мила", "ليلى ١", "דנה 🎧", "Zupo 🔥", "नीलू", "Ñandú",
    "Çilek 🍓", "วิว",
    "小星", "Grix", "Øyo", "Tune Box", "★ Vibe ★", "Quin'o", "\"Pax\"", "Wex, the", "Jörgl", "Łucka",
    "🦊🦊", "R. Solace",
)  # fmt: skip
_OPENINGS = (
    "daily clips", "cooking with leftovers", "chess, but loud", "plants & pots", "learning to skate",
    "slow travel",
    "drawing one line a day", "büro humor", "música de cocina", "vidéos de vélo", "жизнь на даче",
    "рисую котиков",
    "يوميات مطبخ صغير", "رسم كل يوم", "סרטונים קצרים", "מתכונים ועוד", "毎日ちょっと絵", "猫と暮らす",
    "手工與茶",
    "खाना और कहानी", "ทำอาหารง่ายๆ", "요리하는 하루", "paper boats", "tiny houses", "old radios",
    "knots and ropes",
)  # fmt: skip
_MIDDLES = (
    "\n", " | ", "\n\n", " 🌱 ", " - ", "\n✨ ", ", ", " 🎬 ", "\n📩 ", " • ", "\n👇 ",
    " \"so they say\" ", " 😂😂 ", "\n— ",
)  # fmt: skip
_CLOSINGS = (
    "new every Friday", "hello@example.com", "DM for collabs", "be kind", "from the coast",
    "road to 10k", "no reposts",
    "shop below", "part two is up", "gracias por todo", "merci", "спасибо", "شكرا", "תודה",
    "ありがとう", "धन्यवाद", "18+", "she/they",
    "ask me anything", "link in bio", "it's fine, really", "since 2019", "=1+1 is two", "@everyone welcome",
)  # fmt: skip
_CALLINGS = ("creator", "Vlogger", "model", "digital creator", "Influencer", "food blogger", "traveller")
CALLING_SHARE = 0.012
MISSING_BIOGRAPHY_SHARE = 0.003


def handles(number: Integers, version: Integers) -> pa.Array:
    """Return handles of lower-case letters, digits, dots and underscores, unique by creator number and version."""
    mixed = _mixed(number, 1)
    digits = pa.array(number + 100).cast(pa.string())
    renamed = pc.if_else(pa.array(version > 0), ".new", "")
    return _join(_take(_ONSETS, mixed), _take(_ENDINGS, mixed // 16), _take(_JOINTS, mixed // 256), digits, renamed)


def nicknames(number: Integers) -> pa.Array:
    """Return displayed names in several scripts, some with emoji, quotes or commas."""
    mixed = _mixed(number, 2)
    words = _take(tuple(word.title() for word in _ENDINGS), mixed // 32)
    more = _join(_take(_NICKNAMES, mixed), " ", _take(tuple(onset.title() for onset in _ONSETS), mixed // 512), words)
    return pc.if_else(pa.array((mixed // 8192) % 4 > 0), more, _take(_NICKNAMES, mixed))


def biographies(number: Integers) -> pa.Array:
    """Return biographies of one to five parts, most of several lines; ``null`` for a few."""
    mixed = _mixed(number, 3)
    long = _join(_take(_OPENINGS, mixed), _take(_MIDDLES, mixed // 32), _take(_CLOSINGS, mixed // 1024))
    longer = _join(
        long, _take(_MIDDLES, mixed // 7), _take(_OPENINGS, mixed // 4096), " ", _take(_CLOSINGS, mixed // 11)
    )
    parts = (mixed // 65_536) % 4
    text = pc.if_else(pa.array(parts > 0), long, _take(_OPENINGS, mixed))
    text = pc.if_else(pa.array(parts > 1), longer, text)
    draw = (_mixed(number, 4) % 100_000) / 100_000
    called = _join(text, pa.array([" "] * len(number)), _take(_CALLINGS, mixed))
    text = pc.if_else(pa.array(draw < CALLING_SHARE), called, text)
    return pc.if_else(pa.array(draw > 1.0 - MISSING_BIOGRAPHY_SHARE), "null", text)


def links(handle: pa.Array, has_link: NDArray[np.bool_]) -> pa.Array:
    """Return links to a reserved example domain; ``null`` for a profile without a link."""
    return pc.if_else(pa.array(has_link), _join("https://example.com/", handle), "null")


def account_numbers(number: Integers) -> pa.Array:
    """Return account ids of nineteen digits, unique per creator, independent of the handle."""
    return pa.array(6_000_000_000_000_000_000 + (number * 77_743_999_331 + 12_345_678_901) % 2**59).cast(pa.string())


def video_links(handle: pa.Array, number: Integers, videos_count: Integers, most: int) -> pa.Array:
    """Return up to ``most`` links to videos, joined by commas; never more than the creator has videos."""
    address = _join("https://www.tiktok.com/@", handle, "/video/")
    listed = _join(address, pa.array(_mixed(number, 5) % 10**6).cast(pa.string()))
    for place in range(1, most):
        more = _join(listed, ",", address, pa.array(_mixed(number, 5 + place) % 10**6).cast(pa.string()))
        listed = pc.if_else(pa.array(videos_count > place), more, listed)
    return listed


def _mixed(number: Integers, salt: int) -> Integers:
    """Return a well-mixed non-negative number for each creator (the finalizer of SplitMix64)."""
    value = number.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(salt * 0x632BE59BD9B4E019 % 2**64)
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((value ^ (value >> np.uint64(31))) >> np.uint64(2)).astype(np.int64)


def _take(words: tuple[str, ...], by: Integers) -> pa.Array:
    return pa.array(words).take(pa.array(by % len(words)))


def _join(*parts: pa.Array | str) -> pa.Array:
    return pc.binary_join_element_wise(*parts, "")
