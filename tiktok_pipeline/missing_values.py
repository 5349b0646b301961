"""What a missing value looks like in a delivered cell; the engine and the parsers read the same words."""

from __future__ import annotations

import re

NULL_WORDS = ("null", "NULL", "None", "NaN")
"""Words that mean a missing value."""

NULL_WORDS_PATTERN = "|".join(re.escape(word) for word in NULL_WORDS)
"""A regular expression, for Python and for RE2, that matches any of `NULL_WORDS`."""

WHITE_SPACE = " \t\n\v\f\r"
"""Characters that are stripped from both ends of a delivered cell."""
