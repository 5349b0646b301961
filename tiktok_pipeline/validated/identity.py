r"""The identity of a creator: one normal form for every spelling of a handle, and which ids are real.

Whatever compares creators uses these functions: validation, the suppression list, the search for a creator. A handle
on the platform has no capitals, so that ``Anna`` and ``anna`` are one account.
"""

from __future__ import annotations

import re

import narwhals as nw

CANONICAL_HANDLE = r"^[a-z0-9._]{1,64}$"
"""A handle in its normal form."""

USABLE_NUMBER = r"^0*[1-9][0-9]{4,19}$"
"""An id that can be a real one: 0 and short numbers are placeholders."""

MOST_HANDLES = 5
"""An id that more handles share is a placeholder, not an identity."""

_INVISIBLE = "[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]"
_EDGES = "^[ \\t\\n\\v\\f\\r\u00a0\u3000]+|[ \\t\\n\\v\\f\\r\u00a0\u3000]+$"
_ESCAPES = (("%40|[\uff20\ufe6b]", "@"), ("%2[eE]", "."), ("%5[fF]", "_"))
"""Percent escapes, and the wide and small forms of the sign before a handle."""
_PROFILE_URL = r"^([a-z]+:)?/*([a-z0-9-]+[.])*tiktok[.]com(:[0-9]+)?/([^@?#]*/)?@"
_AFTER_HANDLE = r"[/?#].*$"
_MASK = "█"


def parse_handle(account_id: nw.Expr, url: nw.Expr) -> nw.Expr:
    """Return the normal form of a handle; that in the profile URL if the cell is empty or masked by a black block.

    Parameters
    ----------
    account_id, url : Expr
        Texts without surrounding white space, blank as NULL.
    """
    is_masked = account_id.is_null() | account_id.str.contains(_MASK, literal=True)
    visible_url = _visible(url)
    from_url = nw.when(visible_url.str.contains(f"{_PROFILE_URL}[^/?#]")).then(_handle_of_url(visible_url))
    return nw.when(is_masked).then(from_url).otherwise(_normal_form(account_id))


def normal_handle(text: str) -> str:
    """Return the normal form of a handle, as `parse_handle` does for a column.

    Examples
    --------
    >>> normal_handle("@Anna")
    'anna'
    >>> normal_handle("https://www.TikTok.com/%40Anna?lang=de")
    'anna'
    """
    visible = re.sub(_INVISIBLE, "", text)
    for escape, character in _ESCAPES:
        visible = re.sub(escape, character, visible)
    visible = re.sub(_EDGES, "", visible).lower()
    if re.match(_PROFILE_URL, visible):
        return re.sub(_AFTER_HANDLE, "", re.sub(_PROFILE_URL, "", visible), flags=re.DOTALL)
    return re.sub("^@", "", visible)


def usable_number(tiktok_id: nw.Expr) -> nw.Expr:
    """Return the platform's id where it can identify an account, else NULL; see `USABLE_NUMBER`."""
    return nw.when(tiktok_id.str.contains(USABLE_NUMBER)).then(tiktok_id)


def _normal_form(text: nw.Expr) -> nw.Expr:
    visible = _visible(text)
    return (
        nw.when(text.str.contains(CANONICAL_HANDLE))
        .then(text)
        .when(visible.str.contains(_PROFILE_URL))
        .then(_handle_of_url(visible))
        .otherwise(visible.str.replace_all("^@", ""))
    )


def _handle_of_url(visible: nw.Expr) -> nw.Expr:
    return visible.str.replace_all(_PROFILE_URL, "").str.replace_all(f"(?s){_AFTER_HANDLE}", "")


def _visible(text: nw.Expr) -> nw.Expr:
    """Return a text in lower case without invisible characters, percent escapes and white space at its ends."""
    visible = text.str.replace_all(_INVISIBLE, "")
    for escape, character in _ESCAPES:
        visible = visible.str.replace_all(escape, character)
    return visible.str.replace_all(_EDGES, "").str.to_lowercase()
