"""The items of ``classifiers.cards`` that other rooms look for; without imports, for the command line."""

WHY_EMPTY, MISSING = "why_empty", "missing"
REASON_ITEMS = (WHY_EMPTY, MISSING)
"""Why the evaluation, or a part of it, could not be computed."""
