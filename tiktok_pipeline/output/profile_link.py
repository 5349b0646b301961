"""The address of a creator's profile on the platform, built from the handle alone and never from delivered text."""

from __future__ import annotations

import re

PROFILE = "https://www.tiktok.com/@"
HANDLE = "[A-Za-z0-9._]{1,64}"
"""What a handle can be, as a regular expression that Python and the engine read alike."""


def profile_address(account_id: str) -> str | None:
    """Return the address of a profile on the platform; None for a handle it cannot have.

    Examples
    --------
    >>> profile_address("some.creator"), profile_address("a b")
    ('https://www.tiktok.com/@some.creator', None)
    """
    return f"{PROFILE}{account_id}" if re.fullmatch(HANDLE, account_id) else None
