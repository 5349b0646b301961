"""The segments of a study as rules on raw features."""

from __future__ import annotations

import pandas as pd

from tiktok_pipeline.analysis.fit_inputs import FitInputs
from tiktok_pipeline.analysis.segmentation import PersonaTables
from tiktok_pipeline.clusters.surrogate import Rule, fit_surrogate
from tiktok_pipeline.features.catalog import feature_label
from tiktok_pipeline.features.sample import collect_sample
from tiktok_pipeline.personas.schema import RULES_TABLE
from tiktok_pipeline.warehouse.base import Engine

MOST_ROWS = 5_000


def persona_rules(inputs: FitInputs, personas: PersonaTables, engine: Engine) -> pd.DataFrame:
    """Return rows of ``personas.rules``; none without segments, or if a segment has too few creators.

    Parameters
    ----------
    inputs : FitInputs
        The rows that the model was fitted on.
    personas : PersonaTables
        The personas of the study, with a sample of its profiles.
    engine : Engine
        Collects the sample.
    """
    empty = pd.DataFrame(columns=RULES_TABLE.frame_names)
    if not personas.matches:
        return empty
    raw = [name for name in inputs.described_features if not name.startswith("log_")]
    sample = collect_sample(personas.sample, (*raw, "cluster", "margin", "in_fit"), max_rows=MOST_ROWS, engine=engine)
    fitted = sample[sample["in_fit"].astype(bool)]
    known = [name for name in raw if fitted[name].notna().any()]
    surrogate = fit_surrogate(
        fitted[known], fitted["cluster"], fitted["margin"], random_state=inputs.segmentation.random_state
    )
    if surrogate is None:
        return empty
    records = [
        (
            rule_in_words(rule),
            personas.matches[rule.cluster].name,
            rule.profiles,
            rule.share_right,
            surrogate.fidelity,
            surrogate.fidelity_uncertain,
        )
        for rule in surrogate.rules
    ]
    return pd.DataFrame(records, columns=RULES_TABLE.frame_names)


def rule_in_words(rule: Rule) -> str:
    """Return the conditions of a rule for a reader.

    Examples
    --------
    >>> rule_in_words(Rule(0, {"followers": (99.5, 1_000.0), "videos_count": (None, 12.5)}, 10, 1.0))
    'followers above 99.5 and at most 1,000 and videos at most 12.5'
    """
    parts = []
    for name, (low, high) in rule.conditions.items():
        bounds = [f"above {_number(low)}"] if low is not None else []
        bounds += [f"at most {_number(high)}"] if high is not None else []
        parts.append(f"{feature_label(name)} {' and '.join(bounds)}")
    return " and ".join(parts)


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.4g}"
