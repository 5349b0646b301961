"""Read what the name of a column says about its cells: their unit, or that they are no counts of TikTok at all.

"Followers (millions)" holds counts in another unit; "Followers %" and "likes/videos" hold none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from tiktok_pipeline.number_words import MULTIPLIERS

_MORE_WORDS = {
    3: (
        *("thousands", "ths", "000", "000s", "1000", "1000s", "1,000", "1.000", "1 000", "tausende", "millier"),
        *("milliers", "millares", "milhar", "milhares", "migliaia", "duizend", "duizenden", "tusental", "tysiące"),
        *("tysięcy", "тысяч", "тысячи", "тыс. чел", "тыс. чел.", "千人", "천명", "10^3", "1e3"),
    ),
    4: ("万人", "萬人", "만명", "10k", "10000", "10,000"),
    6: (
        *("mm", "mil.", "mills", "000000", "000,000", "1000000", "1,000,000", "1.000.000", "10^6", "1e6", "mios"),
        *("miljoner", "miljoonaa", "miliony", "milionów", "milyon", "миллион", "миллионов", "миллионы", "млн чел"),
        *("млн. чел.", "million people"),
    ),
    8: ("億人", "亿人"),
    9: ("billions", "10^9", "1e9"),
}
_POWERS = {
    **{word: power for power, words in MULTIPLIERS.items() for word in words},
    **{word: power for power, words in _MORE_WORDS.items() for word in words},
}
_TWO_MEANINGS = {
    "b": "a billion or, in Turkish, a thousand (bin)",
    "mil": "a thousand or, in English, a million",
    "t": "a thousand or a trillion",
}
_LONG_WORD = 3
_OPENING, _CLOSING = r"(\[{\uff08\u3010", r")\]}\uff09\u3011"
_IN_BRACKETS = re.compile(rf"^(?P<base>.*?)[\s_]*[{_OPENING}](?P<unit>[^{_CLOSING}]*)[{_CLOSING}]\s*$")
_BEHIND = re.compile(
    r"^(?P<base>.*?)(?:[\s_]+(?:in|en|em|i|w|в|à|x|×|/)[\s_]+|\s*[,:;\u2013\u2014-]\s*|[\s_]+|\s*[x×*]\s*(?=1))"
    r"(?P<unit>[^\s_]+(?:\s(?:чел\.?|people))?)$"
)
_CAMEL = re.compile(r"^(?P<base>[a-z]+(?:[A-Z][a-z]+)*?)(?:In)?(?P<unit>[KM]|[A-Z][a-z]+)$")
"""A single letter is a unit only as K or M: other words end in the rest, whatever their case (``hearT``)."""

_BEFORE = re.compile(r"^(?P<unit>[^\s_]+)[\s_]+(?:(?:of|de|di|d')[\s_]*)?(?P<base>.+)$")
_PREPOSITION = re.compile(r"^(?:(?:in|en|em|i|w|в|à|x|×|\*|of)(?=[\s1])\s*|['\u2019x×*]\s*)+")
_NO_COUNT = re.compile(
    r"[%\u2030\uff05±Δ∆÷↑↓▲▼⬆⬇]|[+]\s*/\s*[-\u2212\u2013]|[(]\s*[+\u2212-]\s*[)]|(?<!\w)Ø(?!\w)"
    r"|\bper ?cent|\bpercentage\b|\bprozent|\bpct\b",
    re.IGNORECASE,
)
_OTHER_PLATFORMS = frozenset(
    {
        *("instagram", "insta", "ig", "youtube", "yt", "facebook", "fb", "twitter", "twitch", "snapchat"),
        *("pinterest", "linkedin", "threads", "x", "kwai", "likee", "triller", "bilibili", "weibo", "douyin"),
    }
)


@dataclass(frozen=True)
class NamedUnit:
    """The unit in the name of a column.

    Attributes
    ----------
    base : str
        The name without it.
    word : str
        The unit as the name spells it.
    power : int or None
        The power of ten that it means; None if it has two meanings.
    meanings : str
        What it may mean then.
    """

    base: str
    word: str
    power: int | None
    meanings: str = ""


def named_unit(name: str) -> NamedUnit | None:
    """Return the unit of counts that the name of a column gives; None if there is none.

    Examples
    --------
    >>> unit = named_unit("Followers (in thousands)")
    >>> unit.base, unit.power
    ('Followers', 3)
    >>> named_unit("likes_m").power, named_unit("Takipçi (B)").power, named_unit("Followers (7d)")
    (6, None, None)
    >>> named_unit("heartM").power, named_unit("hearT")
    (6, None)
    """
    for pattern in (_IN_BRACKETS, _BEHIND, _CAMEL, _BEFORE):
        match = pattern.fullmatch(name.strip())
        if match is None or not match["base"].strip():
            continue
        word = _PREPOSITION.sub("", match["unit"].strip()).strip().casefold()
        is_short_word_before = pattern is _BEFORE and len(word) < _LONG_WORD
        if word in _POWERS and not is_short_word_before:
            meanings = _TWO_MEANINGS.get(word, "")
            return NamedUnit(
                match["base"].strip(), match["unit"].strip(), None if meanings else _POWERS[word], meanings
            )
    return None


def is_count_name(name: str) -> bool:
    """Return whether the cells of a column can be counts: no shares, changes or averages.

    Examples
    --------
    >>> is_count_name("Followers #"), is_count_name("Followers (%)"), is_count_name("Likes +/-")
    (True, False, False)
    """
    return _NO_COUNT.search(name) is None


def is_of_other_platform(parts: Iterable[str]) -> bool:
    """Return whether a path leads through the object of another platform: ``instagram.followers``."""
    return any(part in _OTHER_PLATFORMS for part in parts)
