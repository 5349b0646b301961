"""Compare the names of columns as people spell them: case, blanks, punctuation and accents do not matter."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from tiktok_pipeline.raw.dialects.name_units import is_of_other_platform, named_unit

_LETTERS = str.maketrans({"ø": "o", "æ": "ae", "œ": "oe", "ß": "ss", "ł": "l", "đ": "d", "ð": "d", "ı": "i"})
"""Letters that Unicode does not split into a plain letter and an accent."""

_TOO_GENERAL = frozenset({"id", "url", "name", "timestamp", "date", "title", "video", "link", "user"})
"""Names that must match a whole path: inside a nested object they may belong to a video, a song or a request."""

_FILLERS = frozenset(
    {"total", "count", "counts", "number", "of", "num", "no", "nb", "current", "overall", "the", "all"}
)
"""Words that do not change what a count is: "Total number of followers" is "followers"."""

_WORDS = re.compile(r"[A-Z]*[a-z0-9]+|[A-Z]+|[^\W\d_A-Za-z]+")
_FOOTNOTE = re.compile("[\u00b9\u00b2\u00b3\u2070-\u2079]+$")
"""The raised number of a footnote, which is no part of a name."""
_PLATFORM = re.compile("tik ?tok", re.IGNORECASE)
_PATH = re.compile(r"[./]")
_WRAPPERS = re.compile(r"^(?:_source|node|attributes|fields|Item)[./]")
"""Objects that hold nothing but the record: of Elasticsearch, GraphQL, JSON:API, Airtable and DynamoDB."""

_KEY_OF_A_DATABASE = "_id"
"""No "id" where the record has one of its own."""


def column_key(name: str) -> str:
    """Return the letters and digits of a name, in lower case and without accents.

    Parameters
    ----------
    name : str
        The name of a column, or a path such as ``stats.followerCount``.

    Returns
    -------
    str
        Names with the same key are the same column to a person. Empty for a name without letters and digits.

    Examples
    --------
    >>> column_key("Account_ID ")
    'accountid'
    >>> column_key("Følgere"), column_key("Abonnés"), column_key("Likes¹")
    ('folgere', 'abonnes', 'likes')
    """
    return _cached_key(name) if len(name) <= _LONGEST_CACHED_NAME else _key_of(name)


def _key_of(name: str) -> str:
    letters = unicodedata.normalize("NFKD", _FOOTNOTE.sub("", name).casefold().translate(_LETTERS))
    return "".join(letter for letter in letters.translate(_LETTERS) if letter.isalnum())


_LONGEST_CACHED_NAME = 100
"""A header may hold names of megabytes, which must not stay in memory."""

_cached_key = lru_cache(maxsize=8192)(_key_of)  # every dialect asks for the keys of its names at every file


def count_key(name: str) -> str:
    """Return the key of a name without the words that only say that it is a count.

    Examples
    --------
    >>> count_key("Total number of Followers"), count_key("followersCount"), count_key("TikTok likes")
    ('followers', 'followers', 'likes')
    """
    words = (word.casefold() for word in _WORDS.findall(_PLATFORM.sub(" ", name)))
    return column_key("".join(word for word in words if word not in _FILLERS))


def unique_names(header: Sequence[str]) -> tuple[str, ...]:
    """Return the header with the position (from 1) appended to a name that occurred before.

    Examples
    --------
    >>> unique_names(["likes", "note", "likes"])
    ('likes', 'note', 'likes (3)')
    """
    names: list[str] = []
    taken: set[str] = set()
    for number, name in enumerate(header, start=1):
        names.append(name if name not in taken else f"{name} ({number})")
        taken.add(names[-1])
    return tuple(names)


class HeaderIndex:
    """Finds the columns of a header by the names that a dialect gives them.

    Parameters
    ----------
    header : sequence of str
        The column names as the file spells them; a repeated name may have its position appended.
    """

    def __init__(self, header: Sequence[str]) -> None:
        self.names = unique_names(header)
        self._by_key: dict[str, list[str]] = {}
        self._by_path_end: dict[str, list[str]] = {}
        self._by_count: dict[str, list[str]] = {}
        self._by_base: dict[str, list[str]] = {}
        for number, name in enumerate(self.names, start=1):
            delivered = _WRAPPERS.sub("", _without_position(name, number, self.names), count=1)
            self._by_key.setdefault(column_key(delivered), []).append(name)
            if count_key(delivered) != column_key(delivered):
                self._by_count.setdefault(count_key(delivered), []).append(name)
            if unit := named_unit(delivered):
                self._by_base.setdefault(count_key(unit.base), []).append(name)
            parts = [column_key(part) for part in _PATH.split(delivered)] if " " not in delivered else []
            for start in range(1, 0 if is_of_other_platform(parts[:-1]) else len(parts)):
                self._by_path_end.setdefault(".".join(parts[start:]), []).append(name)
        ids = self._by_key.get("id", [])
        if len(ids) > 1 and _KEY_OF_A_DATABASE in ids:
            ids.remove(_KEY_OF_A_DATABASE)

    def find(self, name: str, *, is_count: bool = False) -> tuple[str, ...]:
        """Return the columns of this name, in the order of the header; the exact spelling first.

        A name also matches the end of a path: ``followerCount`` matches ``userInfo.stats.followerCount``, unless a
        column has exactly this name. With ``is_count``, names are at last compared as `count_key` gives them, then
        without the unit that they give.
        """
        key = column_key(name)
        if not key:
            return ()
        matches = self._by_key.get(key, [])
        if not matches and key not in _TOO_GENERAL:
            matches = self._by_path_end.get(".".join(column_key(part) for part in _PATH.split(name)), [])
        if not matches and is_count and count_key(name):
            matches = self._by_count.get(count_key(name), []) or self._by_base.get(count_key(name), [])
        if not matches:  # a time in UTC is read as a time without an offset
            matches = self._by_key.get(f"{key}utc", [])
        return tuple(sorted(matches, key=lambda match: match != name))

    def repeats(self, column: str) -> frozenset[str]:
        """Return the columns that the file spells like ``column``, itself included."""
        return next((frozenset(names) for names in self._by_key.values() if column in names), frozenset({column}))


def _without_position(name: str, number: int, names: Sequence[str]) -> str:
    """Return the name as delivered: "likes (15)" in place 15 is a second "likes"."""
    base = name.removesuffix(f" ({number})")
    return base if base != name and base in names[: number - 1] else name
