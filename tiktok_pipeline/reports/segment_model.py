"""The segments of a study as a marketer reads them: cards, a table, typical creators and advice."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from tiktok_pipeline.features.feature import FLAG
from tiktok_pipeline.output.number_format import format_count, format_percent
from tiktok_pipeline.personas.verdict import NO_SEGMENT, VERDICTS
from tiktok_pipeline.reports.creator_table import creator_table
from tiktok_pipeline.reports.feature_text import compare_with_all, feature_unit, labeled_value
from tiktok_pipeline.reports.page_elements import (
    Table,
    badge_cell,
    badge_class,
    heading,
    number_cell,
    number_heading,
    row_heading,
    simple_table,
)
from tiktok_pipeline.reports.snapshot_tables import Row, StudyTables, to_records

EXPLAINED_FEATURES = ("followers", "likes", "videos_count", "avg_engagement_rate")
"""The features that a campaign is planned by."""

_MEDIAN_FEATURES = (*EXPLAINED_FEATURES, "lifetime_engagement_rate", "engagement_index", "monetization_maturity")
TELLING_SHARE = 0.1
"""Share of a segment, 0 to 1: a badge or a link that fewer have says little about it, whatever the factor."""

_SAME_SIGNAL = {"like_engagement_rate": "avg_engagement_rate", "total_engagement": "avg_engagement_rate"}
"""Features that repeat another one."""


@dataclass(frozen=True, kw_only=True)
class SegmentCard:
    """One segment in a marketer's words.

    Attributes
    ----------
    size : str
        The number of creators with its noun.
    percent_of_all : str
        The share of all creators.
    bar_width : str
        The same share as a CSS width.
    traits : tuple of str
        How the segment differs from the average, the largest difference first.
    medians : str
        The medians of the fitted creators; "" if there are none.
    reliability, uncertainty : str
        What the verdict means, and the figures behind it.
    strategic_value, what_to_do : str
        What the segment is good for, empty if it must not be planned with; and what follows, see `what_to_do`.
    typical_summary, typical : str, Table or None
        The creators closest to the center of the segment.
    """

    name: str
    creators: str
    creators_in_fit: str
    creators_beyond_fit: str
    size: str
    percent_of_all: str
    rounded_percent: str
    bar_width: str
    verdict: str
    verdict_class: str
    reliability: str
    uncertainty: str
    description: str
    strategic_value: str
    what_to_do: str
    traits: tuple[str, ...]
    medians: str
    typical_summary: str
    typical: Table | None

    @property
    def is_segment(self) -> bool:
        """Whether the card describes a segment, not the creators without one."""
        return self.verdict != NO_SEGMENT.label


def segment_cards(study: StudyTables) -> tuple[SegmentCard, ...]:
    """Return the segments of a study in the order of ``personas.summaries``, the largest first."""
    medians = _medians(study.persona_features)
    return tuple(_card(study, row, medians) for row in to_records(study.summaries))


def _card(study: StudyTables, row: Row, medians: Mapping[tuple[str, str], float]) -> SegmentCard:
    name, profiles, share = row["persona"], int(row["profiles"]), float(row["share"])
    creators = study.typical.get(name, pd.DataFrame())
    return SegmentCard(
        name=name,
        creators=format_count(profiles),
        creators_in_fit=format_count(int(row["profiles_in_fit"])),
        creators_beyond_fit=format_count(row.get("profiles_beyond_fit")),
        size=count_noun(profiles, "creator"),
        percent_of_all=format_percent(share, 1),
        rounded_percent=format_percent(share, 0),
        bar_width=f"{share * 100:.1f}%",
        verdict=row["verdict"],
        verdict_class=badge_class(row["verdict"]),
        reliability=VERDICTS[row["verdict"]].description,
        uncertainty=_uncertainty(study, row),
        description=row["description"],
        strategic_value=row["strategic_value"] if VERDICTS[row["verdict"]].can_plan else "",
        what_to_do=what_to_do(row["verdict"], row["recommendation"]),
        traits=segment_traits(study.persona_features, name),
        medians=", ".join(
            labeled_value(medians[name, feature], feature)
            for feature in _MEDIAN_FEATURES
            if (name, feature) in medians
        ),
        typical_summary=f"{name}: {count_noun(len(creators), 'typical creator') if len(creators) else 'no creators'}",
        typical=creator_table(f"{name}: typical creators, closest to the center of the segment first", creators),
    )


def what_to_do(verdict: str, recommendation: str) -> str:
    """Return the recommendation of a segment if its verdict allows to plan with it, else what remains.

    Examples
    --------
    >>> what_to_do("stable", "Contact them first."), what_to_do("unstable", "Contact them first.")
    ('Contact them first.', 'Do not plan with this group. Judge its creators one by one.')
    """
    if VERDICTS[verdict].can_plan:
        return recommendation
    if verdict == NO_SEGMENT.label:
        return "Nothing as a group. Judge these creators one by one."
    return "Do not plan with this group. Judge its creators one by one."


def _uncertainty(study: StudyTables, row: Row) -> str:
    """Return what the verdict of a segment rests on, and of whom it does not speak."""
    stability = [
        found
        for found in to_records(study.stability, "standard_error", "share_dissolved", "share_recovered")
        if found["cluster"] == row["cluster"]
    ]
    parts = [stability_sentence(found) for found in stability[:1]]
    if row["cluster"] is not None:
        outside = int(row["profiles"]) - int(row["profiles_in_fit"])
        parts.append(outside_sentence(int(row["profiles"]), outside, row.get("profiles_beyond_fit")))
    return " ".join(filter(None, parts))


def stability_sentence(stability: Row) -> str:
    """Return the Jaccard coefficient of a segment with its uncertainty; empty if it was not measured.

    Examples
    --------
    >>> stability_sentence(dict(jaccard=0.585, standard_error=0.02, share_dissolved=0.3, share_recovered=0.25))
    'Jaccard 0.58 (standard error 0.020); 30% of the samples dissolve it, 25% recover it.'
    """
    if stability["jaccard"] is None or stability["standard_error"] is None:
        return ""
    return (
        f"Jaccard {stability['jaccard']:.2f} (standard error {stability['standard_error']:.3f}); "
        f"{format_percent(stability['share_dissolved'], 0)} of the samples dissolve it, "
        f"{format_percent(stability['share_recovered'], 0)} recover it."
    )


def outside_sentence(profiles: int, outside: int, beyond: int | None) -> str:
    """Return how many creators of a segment were not fitted, and are beyond its farthest fitted member.

    Examples
    --------
    >>> outside_sentence(486, 316, 0)
    'The verdict does not speak of 316 of its 486 creators, which were not in the fit.'
    >>> outside_sentence(486, 0, 0)
    ''
    """
    if not outside:
        return ""
    verb = "lies" if beyond == 1 else "lie"
    far = f"; {format_count(beyond)} {verb} beyond its farthest member" if beyond else ""
    were = "which was" if outside == 1 else "which were"
    of_all = f"{format_count(outside)} of its {count_noun(profiles, 'creator')}"
    return f"The verdict does not speak of {of_all}, {were} not in the fit{far}."


def count_noun(count: int, noun: str) -> str:
    """Return a number with its noun in the singular or plural.

    >>> count_noun(1, "creator"), count_noun(1200, "creator")
    ('1 creator', '1,200 creators')
    """
    return f"{format_count(count)} {noun}{'' if count == 1 else 's'}"


def segment_table(study: StudyTables, cards: tuple[SegmentCard, ...]) -> Table | None:
    """Return the segments with their sizes and verdicts, or None if there are none."""
    return simple_table(
        f"{study.title}: its segments",
        [
            heading("Segment"),
            number_heading("Creators"),
            number_heading("In the fit"),
            number_heading("Beyond the fit"),
            number_heading("Share"),
            heading("Verdict"),
        ],
        [
            [
                row_heading(card.name),
                number_cell(card.creators),
                number_cell(card.creators_in_fit),
                number_cell(card.creators_beyond_fit),
                number_cell(card.percent_of_all),
                badge_cell(card.verdict),
            ]
            for card in cards
        ],
    )


def segment_traits(features: pd.DataFrame, persona: str, count: int = 3) -> tuple[str, ...]:
    """Return how a segment differs from the median of the fitted creators, the largest factor first.

    The factor counts in both directions: a third is as far as three times. Logarithms and features that repeat
    another one are left out. A badge or a link that few of the segment have comes last, see `TELLING_SHARE`.

    Parameters
    ----------
    features : DataFrame
        A slice of ``personas.features``.
    persona : str
        The segment.
    count : int
        How many differences to return at most.
    """
    rows = [
        row
        for row in to_records(features, "persona", "base", "feature", "relative_median", "mean")
        if row["persona"] == persona and row["base"] == "fitted" and row["relative_median"] is not None
    ]
    relative = {row["feature"]: float(row["relative_median"]) for row in rows}
    rare = {row["feature"] for row in rows if feature_unit(row["feature"]) == FLAG and row["mean"] < TELLING_SHARE}
    telling = [
        name for name in relative if not name.startswith("log_") and _SAME_SIGNAL.get(name, "") not in relative
    ] or list(relative)
    ordered = sorted(
        telling,
        key=lambda name: (name in rare, -_factor(relative[name]), name),
    )
    return tuple(compare_with_all(name, relative[name]) for name in ordered[:count])


def _factor(relative: float) -> float:
    """Return the absolute logarithm of a ratio, given as the ratio minus 1."""
    return abs(math.log10(max(1.0 + relative, 1e-12)))


def overall_advice(study: StudyTables) -> tuple[str, ...]:
    """Return the recommendations for the study as a whole; none if it has neither segments nor scores.

    Advice that names a segment is left out unless the snapshot has the segment, and can plan with it.
    """
    rows = to_records(study.recommendations, "persona")
    segments = [row for row in to_records(study.summaries, "cluster") if row["cluster"] is not None]
    if not segments and not len(study.metrics):
        return ()
    usable = {row["persona"] for row in segments if VERDICTS[row["verdict"]].can_plan}
    others = {row["persona"] for row in rows if row["persona"]} - usable
    return tuple(
        row["recommendation"]
        for row in rows
        if not row["persona"] and not any(name.removeprefix("The ") in row["recommendation"] for name in others)
    )


def _medians(features: pd.DataFrame) -> dict[tuple[str, str], float]:
    return {
        (row["persona"], row["feature"]): float(row["median"])
        for row in to_records(features, "persona", "base", "feature", "median")
        if row["base"] == "fitted" and row["median"] is not None
    }
