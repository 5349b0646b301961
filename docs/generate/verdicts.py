"""Renders the verdicts on a segment, from the module that decides them."""

from __future__ import annotations

from generate.markdown import code, escape, paragraphs, table
from tiktok_pipeline.personas.verdict import JACCARD_THRESHOLDS, UNSTABLE, VERDICTS


def render() -> str:
    """Return the table of all verdicts, the most reliable first."""
    thresholds = {verdict.label: f"{threshold:g} or more" for threshold, verdict in JACCARD_THRESHOLDS.items()}
    thresholds[UNSTABLE.label] = f"less than {min(JACCARD_THRESHOLDS):g}"
    rows = [
        [code(label), thresholds.get(label, ""), escape(verdict.description)] for label, verdict in VERDICTS.items()
    ]
    return paragraphs(table(["Verdict", "Jaccard − 1.645 standard errors", "Meaning"], rows))
