"""The items of ``classifiers.cards`` that other rooms look for; without imports, for the command line."""

WHY_EMPTY, MISSING, WHY_NO_SCORES = "why_empty", "missing", "why_no_scores"
REASON_ITEMS = (WHY_EMPTY, MISSING, WHY_NO_SCORES)
"""Why the evaluation, or a part of it, could not be computed."""
