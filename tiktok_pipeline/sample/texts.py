"""Invented texts of profiles: handles, names, biographies in several scripts, links. None belongs to a real person.

Texts are assembled from short lists by creator number, column by column (pyarrow): millions take seconds.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tiktok_pipeline.sample.draws import mixed

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
_SPOKEN = (
    ("en", "daily clips"), ("en", "cooking with leftovers"), ("en", "chess, but loud"), ("en", "plants & pots"),
    ("en", "learning to skate"), ("en", "slow travel"), ("en", "drawing one line a day"), ("de", "büro humor"),
    ("es", "música de cocina"), ("fr", "vidéos de vélo"), ("ru", "жизнь на даче"), ("ru", "рисую котиков"),
    ("ar", "يوميات مطبخ صغير"), ("ar", "رسم كل يوم"), ("he", "סרטונים קצרים"), ("he", "מתכונים ועוד"),
    ("ja", "毎日ちょっと絵"), ("ja", "猫と暮らす"), ("zh", "手工與茶"), ("hi", "खाना और कहानी"),
    ("th", "ทำอาหารง่ายๆ"),
    ("ko", "요리하는 하루"), ("en", "paper boats"), ("en", "tiny houses"), ("en", "old radios"),
    ("en", "knots and ropes"),
)  # fmt: skip
"""How biographies open, with the language."""

_LANGUAGES = tuple(language for language, _ in _SPOKEN)
_OPENINGS = tuple(opening for _, opening in _SPOKEN)
_REGIONS = {
    "en": ("US", "US", "US", "GB", "GB", "CA", "AU", "PH"),
    "de": ("DE", "DE", "AT", "CH"),
    "es": ("MX", "ES", "AR", "CO"),
    "fr": ("FR", "FR", "BE", "CA"),
    "ru": ("RU", "KZ"),
    "ar": ("SA", "EG", "AE"),
    "he": ("IL",),
    "ja": ("JP",),
    "zh": ("TW", "HK"),
    "hi": ("IN",),
    "th": ("TH",),
    "ko": ("KR",),
}
"""Countries in which each language is spoken; one that is named twice comes up twice as often."""

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
    """Return handles of lower-case letters, digits, dots and underscores, unique by creator number and version.

    The digits are the creator's, the words change with each version.
    """
    draw = mixed(number, 1)
    digits = pa.array(number + 100).cast(pa.string())
    return _join(
        _take(_ONSETS, draw + version), _take(_ENDINGS, draw // 16 + version), _take(_JOINTS, draw // 256), digits
    )


def nicknames(number: Integers) -> pa.Array:
    """Return displayed names in several scripts, some with emoji, quotes or commas."""
    draw = mixed(number, 2)
    words = _take(tuple(word.title() for word in _ENDINGS), draw // 32)
    more = _join(_take(_NICKNAMES, draw), " ", _take(tuple(onset.title() for onset in _ONSETS), draw // 512), words)
    return pc.if_else(pa.array((draw // 8192) % 4 > 0), more, _take(_NICKNAMES, draw))


def biographies(number: Integers) -> pa.Array:
    """Return biographies of one to five parts, most of several lines; ``null`` for a few."""
    draw = mixed(number, 3)
    long = _join(_take(_OPENINGS, draw), _take(_MIDDLES, draw // 32), _take(_CLOSINGS, draw // 1024))
    longer = _join(
        long, _take(_MIDDLES, draw // 7), _take(_OPENINGS, draw // 4096), " ", _take(_CLOSINGS, draw // 11)
    )
    parts = (draw // 65_536) % 4
    text = pc.if_else(pa.array(parts > 0), long, _take(_OPENINGS, draw))
    text = pc.if_else(pa.array(parts > 1), longer, text)
    share = (mixed(number, 4) % 100_000) / 100_000
    called = _join(text, pa.array([" "] * len(number)), _take(_CALLINGS, draw))
    text = pc.if_else(pa.array(share < CALLING_SHARE), called, text)
    return pc.if_else(pa.array(share > 1.0 - MISSING_BIOGRAPHY_SHARE), "null", text)


def languages(number: Integers) -> pa.Array:
    """Return the language in which each biography opens, as a code of two letters; ``null`` for a few."""
    spoken = _take(_LANGUAGES, mixed(number, 3))
    return pc.if_else(pa.array(mixed(number, 8) % 100 < 3), "null", spoken)


def regions(number: Integers) -> pa.Array:
    """Return a country in which the language of the biography is spoken; ``null`` for a few."""
    draw = mixed(number, 9)
    language = mixed(number, 3) % len(_LANGUAGES)
    starts = np.cumsum([0, *(len(_REGIONS[name]) for name in _LANGUAGES)])
    sizes = np.diff(starts)
    every = pa.array([region for name in _LANGUAGES for region in _REGIONS[name]])
    spoken = every.take(pa.array(starts[language] + draw % sizes[language]))
    return pc.if_else(pa.array((draw // 1_000) % 100 < 4), "null", spoken)


def links(handle: pa.Array, has_link: NDArray[np.bool_]) -> pa.Array:
    """Return links to a reserved example domain; ``null`` for a profile without a link."""
    return pc.if_else(pa.array(has_link), _join("https://example.com/", handle), "null")


def account_numbers(number: Integers, created: Integers) -> pa.Array:
    """Return account ids of nineteen digits that hold the second of making; unique, independent of the handle."""
    return pa.array((created << 32) | (number * 2_654_435_761 % 2**32)).cast(pa.string())


def _take(words: tuple[str, ...], by: Integers) -> pa.Array:
    return pa.array(words).take(pa.array(by % len(words)))


def _join(*parts: pa.Array | str) -> pa.Array:
    return pc.binary_join_element_wise(*parts, "")
