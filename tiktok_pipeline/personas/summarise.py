"""Sums up each cluster for a marketer: aggregates in the engine, then names and words on a handful of rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import pandas as pd

from tiktok_pipeline.personas.name import Match, name_clusters, unnamed
from tiktok_pipeline.personas.schema import FEATURES_TABLE, RECOMMENDATIONS_TABLE, SUMMARIES_TABLE
from tiktok_pipeline.personas.segments import NOT_ENOUGH_DATA
from tiktok_pipeline.personas.verdict import NO_SEGMENT, Verdict, segment_verdict
from tiktok_pipeline.recipes.personas import PersonaCatalogue

BASES = {"fitted": True, "all": False}


@dataclass(frozen=True)
class Aggregates:
    """Counts, means and medians by cluster for both bases, and the means of the bases.

    ``sizes``: cluster, profiles, profiles_in_fit. ``measures``: base, cluster, feature, mean, median, profiles; the
    rows with cluster -1 are those without one. ``totals``: (base, feature) -> mean over all clusters.
    """

    sizes: pd.DataFrame
    measures: pd.DataFrame
    totals: Mapping[tuple[str, str], float]


def aggregate(assigned: nw.LazyFrame[Any], sample: nw.LazyFrame[Any], names: Sequence[str]) -> Aggregates:
    """Aggregate the named features by cluster.

    ``assigned`` has one row for each profile: cluster (NULL: none), in_fit and the features; ``sample`` is it, or a bounded
    part of it. Counts and means are of all rows, in one look at them; medians are those of the sample.
    """
    keyed, drawn = (
        frame.with_columns(nw.col("cluster").fill_null(-1).alias("cluster")) for frame in (assigned, sample)
    )
    sums = [nw.col(name).sum().alias(f"sum|{name}") for name in names]
    known = [nw.col(name).count().alias(f"known|{name}") for name in names]
    grouped = keyed.group_by("cluster", "in_fit").agg(nw.len().alias("profiles"), *sums, *known)
    parts = grouped.sort("cluster", "in_fit").collect("pandas").to_native()
    fitted = parts["profiles"].where(parts["in_fit"].astype(bool), 0)
    sizes = parts[["cluster", "profiles"]].assign(profiles_in_fit=fitted).groupby("cluster", as_index=False).sum()
    medians = _medians(drawn, names)
    measures: list[pd.DataFrame] = []
    totals: dict[tuple[str, str], float] = {}
    for base, fitted_only in BASES.items():
        chosen = parts[parts["in_fit"].astype(bool)] if fitted_only else parts
        measures.append(_long(chosen, medians[base], names).assign(base=base))
        totals |= {(base, name): _mean(chosen, name) for name in names}
    return Aggregates(sizes.astype("int64"), pd.concat(measures, ignore_index=True), totals)


def _mean(parts: pd.DataFrame, name: str) -> float:
    """The mean of a feature over groups of which the sums are known; NaN where no row has a value."""
    known = int(parts[f"known|{name}"].sum())
    return float(parts[f"sum|{name}"].fillna(0.0).sum()) / known if known else float("nan")


def _medians(sample: nw.LazyFrame[Any], names: Sequence[str]) -> dict[str, dict[tuple[int, str], float]]:
    """For both bases the median of each (cluster, feature); one feature after the other, so that only one is in memory."""
    found: dict[str, dict[tuple[int, str], float]] = {base: {} for base in BASES}
    for name in names:
        values: pd.DataFrame = (
            sample.select("cluster", "in_fit", nw.col(name).cast(nw.Float64).alias("value"))
            .collect("pandas")
            .to_native()
        )
        for base, fitted_only in BASES.items():
            rows = values[values["in_fit"].astype(bool)] if fitted_only else values
            for cluster, median in rows.groupby("cluster")["value"].median().items():
                found[base][int(str(cluster)), name] = float(median)
    return found


def _long(parts: pd.DataFrame, medians: Mapping[tuple[int, str], float], names: Sequence[str]) -> pd.DataFrame:
    records = [
        (int(str(cluster)), name, _mean(rows, name), medians.get((int(str(cluster)), name), float("nan")))
        for cluster, rows in parts.groupby("cluster")
        for name in names
    ]
    long = pd.DataFrame(records, columns=["cluster", "feature", "mean", "median"])
    return long.astype({"cluster": "int64", "mean": "float64", "median": "float64"})


def match_personas(aggregates: Aggregates, catalogue: PersonaCatalogue) -> dict[int, Match]:
    """The name of each cluster, from the means of the rows that the model saw; one without such rows is unnamed.

    That happens where an older model is put to newer rows.
    """
    fitted = aggregates.measures[(aggregates.measures["base"] == "fitted") & (aggregates.measures["cluster"] >= 0)]
    means = {
        int(str(cluster)): dict(zip(rows["feature"], rows["mean"], strict=True))
        for cluster, rows in fitted.groupby("cluster")
    }
    base = {name: aggregates.totals["fitted", name] for name in catalogue.features}
    matches = name_clusters(means, base, catalogue)
    unseen = {int(cluster) for cluster in aggregates.sizes["cluster"] if cluster >= 0} - set(matches)
    return matches | {cluster: unnamed(cluster) for cluster in unseen}


def summaries(
    aggregates: Aggregates,
    matches: Mapping[int, Match],
    jaccards: Mapping[int, float],
    *,
    why_none: str | None = None,
) -> pd.DataFrame:
    """Rows of ``personas.summaries``, the largest segment first; profiles without a cluster are "Not enough data".

    ``jaccards`` has the bootstrap Jaccard of the clusters that were measured; ``why_none`` says why there is no segment
    at all, where there is none.
    """
    total = int(aggregates.sizes["profiles"].sum())
    rows = []
    for size in aggregates.sizes.sort_values(["profiles", "cluster"], ascending=[False, True]).to_dict("records"):
        cluster = int(size["cluster"])
        match = matches.get(cluster)
        rows.append(
            {
                "cluster": None if cluster < 0 else cluster,
                "persona": match.name if match else NOT_ENOUGH_DATA,
                "profiles": size["profiles"],
                "profiles_in_fit": size["profiles_in_fit"],
                "share": size["profiles"] / total,
                "verdict": _verdict(cluster, int(size["profiles_in_fit"]), jaccards).label,
                **_words(match, why_none),
                "match_distance": match.distance if match else None,
            }
        )
    frame = pd.DataFrame(rows, columns=SUMMARIES_TABLE.frame_names)
    return frame.astype({"cluster": "Int64", "match_distance": "float64"})


def _verdict(cluster: int, profiles_in_fit: int, jaccards: Mapping[int, float]) -> Verdict:
    return NO_SEGMENT if cluster < 0 else segment_verdict(jaccards.get(cluster), profiles_in_fit)


def _words(match: Match | None, why_none: str | None) -> dict[str, str]:
    if match is None:
        text = "Profiles that lack a figure the model needs, so that no segment can be told."
        if why_none:
            advice = "Use a snapshot with more profiles, or another study."
            text = f"The study could not be done on this snapshot: {why_none}."
            return {"description": text, "strategic_value": "None told.", "recommendation": advice}
        return {"description": text, "strategic_value": "None told.", "recommendation": "Scrape them again."}
    if match.persona is None:
        text = "A group that fits none of the study's personas; see personas.features for what marks it."
        advice = "Look at some of its creators before you act on it."
        return {"description": text, "strategic_value": "Not known.", "recommendation": advice}
    persona = match.persona
    return {
        "description": persona.description,
        "strategic_value": persona.strategic_value,
        "recommendation": persona.recommendation,
    }


def persona_features(aggregates: Aggregates, matches: Mapping[int, Match]) -> pd.DataFrame:
    """Rows of ``personas.features``: mean, median and relative importance of each feature, for both bases."""
    rows = [
        (
            matches[int(row["cluster"])].name if row["cluster"] >= 0 else NOT_ENOUGH_DATA,
            row["base"],
            row["feature"],
            row["mean"],
            row["median"],
            _relative(row["mean"], aggregates.totals[row["base"], row["feature"]]),
        )
        for row in aggregates.measures.to_dict("records")
    ]
    frame = pd.DataFrame(rows, columns=FEATURES_TABLE.frame_names)
    return frame.astype({"mean": "float64", "median": "float64", "relative_importance": "float64"})


def _relative(mean: float, base: float) -> float | None:
    return mean / base - 1.0 if base else None


def recommendations(catalogue: PersonaCatalogue | None, for_the_study: Sequence[str]) -> pd.DataFrame:
    """Rows of ``personas.recommendations``: the advice of each persona, then that of the study (persona empty)."""
    rows = [(persona.name, persona.recommendation) for persona in (catalogue.personas if catalogue else ())]
    rows += [("", text) for text in for_the_study]
    return pd.DataFrame(rows, columns=RECOMMENDATIONS_TABLE.frame_names)
