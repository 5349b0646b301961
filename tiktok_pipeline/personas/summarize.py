"""Summarizes each cluster for a marketer: aggregates in the engine, then names and texts on a few rows."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import narwhals as nw
import pandas as pd

from tiktok_pipeline.frames import to_pandas
from tiktok_pipeline.personas.name import Match, name_clusters, unnamed
from tiktok_pipeline.personas.schema import FEATURES_TABLE, RECOMMENDATIONS_TABLE, SUMMARIES_TABLE
from tiktok_pipeline.personas.verdict import NO_SEGMENT, NOT_ENOUGH_DATA, Measured, Verdict, segment_verdict
from tiktok_pipeline.recipes.personas import PersonaCatalog

BASES = {"fitted": True, "all": False}


@dataclass(frozen=True)
class Aggregates:
    """Counts, means and medians of each cluster, for the fitted rows and for all rows.

    Parameters
    ----------
    sizes : DataFrame
        Columns ``cluster``, ``profiles``, ``profiles_in_fit``, ``farthest_in_fit`` (the largest distance of a fitted
        profile) and ``profiles_beyond_fit`` (those farther away). Cluster -1 has the profiles without a cluster.
    measures : DataFrame
        Columns ``base``, ``cluster``, ``feature``, ``mean``, ``median``, in the feature's unit.
    totals : mapping of (str, str) to float
        The mean over all clusters by (base, feature).
    unknown : mapping of str to int
        By feature, the profiles without a cluster that have no value of it.
    usual : mapping of (str, str) to float
        By (base, feature), the median over all clusters; the mean of a flag.
    flags : collection of str
        The features that are only 0 or 1.
    """

    sizes: pd.DataFrame
    measures: pd.DataFrame
    totals: Mapping[tuple[str, str], float]
    unknown: Mapping[str, int] = field(default_factory=dict)
    usual: Mapping[tuple[str, str], float] = field(default_factory=dict)
    flags: Collection[str] = ()


def aggregate(assigned: nw.LazyFrame[Any], sample: nw.LazyFrame[Any], names: Sequence[str]) -> Aggregates:
    """Aggregate features by cluster.

    Parameters
    ----------
    assigned : LazyFrame
        One row for each profile: ``cluster`` (NULL for none), ``in_fit``, ``distance`` and the features. Counts and
        means are of all rows; one query, and a second one if profiles with a cluster are not in the fit.
    sample : LazyFrame
        ``assigned``, or a bounded sample of it. Medians are of the sample.
    names : sequence of str
        The features.
    """
    keyed, sampled = (
        frame.with_columns(nw.col("cluster").fill_null(-1).alias("cluster")) for frame in (assigned, sample)
    )
    sums = [nw.col(name).sum().alias(f"sum|{name}") for name in names]
    known = [nw.col(name).count().alias(f"known|{name}") for name in names]
    farthest = nw.col("distance").max().alias("farthest")
    grouped = keyed.group_by("cluster", "in_fit").agg(nw.len().alias("profiles"), farthest, *sums, *known)
    parts = to_pandas(grouped.sort("cluster", "in_fit"))
    fitted = parts["profiles"].where(parts["in_fit"].astype(bool), 0)
    sizes = parts[["cluster", "profiles"]].assign(profiles_in_fit=fitted).groupby("cluster", as_index=False).sum()
    sizes = sizes.astype("int64").merge(_beyond_fit(keyed, parts), on="cluster", how="left")
    medians, usual, flags = _medians(sampled, names)
    measures: list[pd.DataFrame] = []
    totals: dict[tuple[str, str], float] = {}
    for base, fitted_only in BASES.items():
        chosen = parts[parts["in_fit"].astype(bool)] if fitted_only else parts
        measures.append(_long(chosen, medians[base], names).assign(base=base))
        totals |= {(base, name): _mean(chosen, name) for name in names}
    outside = parts[parts["cluster"] < 0]
    unknown = {name: int(outside["profiles"].sum() - outside[f"known|{name}"].sum()) for name in names}
    return Aggregates(sizes, pd.concat(measures, ignore_index=True), totals, unknown, usual, flags)


def _beyond_fit(assigned: nw.LazyFrame[Any], parts: pd.DataFrame) -> pd.DataFrame:
    """Return for each cluster the distance of its farthest fitted profile, and how many profiles are beyond it."""
    fitted = parts[parts["in_fit"].astype(bool) & (parts["cluster"] >= 0)].set_index("cluster")["farthest"]
    bounds = {int(str(cluster)): float(distance) for cluster, distance in fitted.items()}
    outside = ~parts["in_fit"].astype(bool) & parts["cluster"].isin(list(bounds))
    counts: dict[int, int] = dict.fromkeys(bounds, 0)
    if outside.any():
        bound: nw.Expr = nw.lit(None).cast(nw.Float64)
        for cluster, distance in bounds.items():
            bound = nw.when(nw.col("cluster") == cluster).then(nw.lit(distance)).otherwise(bound)
        beyond = assigned.filter(~nw.col("in_fit") & (nw.col("distance") > bound))
        found = to_pandas(beyond.group_by("cluster").agg(nw.len().alias("profiles")))
        pairs = zip(found["cluster"], found["profiles"], strict=True)
        counts |= {int(str(cluster)): int(profiles) for cluster, profiles in pairs}
    frame = pd.DataFrame({"cluster": list(bounds), "farthest_in_fit": list(bounds.values())})
    frame["profiles_beyond_fit"] = list(counts.values())
    return frame.astype({"cluster": "int64", "farthest_in_fit": "float64", "profiles_beyond_fit": "Int64"})


def _mean(parts: pd.DataFrame, name: str) -> float:
    """Return the mean of a feature over groups with known sums; NaN if no row has a value."""
    known = int(parts[f"known|{name}"].sum())
    return float(parts[f"sum|{name}"].fillna(0.0).sum()) / known if known else float("nan")


def _medians(
    sample: nw.LazyFrame[Any], names: Sequence[str]
) -> tuple[dict[str, dict[tuple[int, str], float]], dict[tuple[str, str], float], set[str]]:
    """Return the median of each (cluster, feature) for both bases, what is usual over all clusters, and the flags.

    One feature at a time to bound the memory. The usual value of a flag is a mean, because its median says nothing.
    """
    medians: dict[str, dict[tuple[int, str], float]] = {base: {} for base in BASES}
    usual: dict[tuple[str, str], float] = {}
    flags = set()
    for name in names:
        values = to_pandas(sample.select("cluster", "in_fit", nw.col(name).cast(nw.Float64).alias("value")))
        if values["value"].dropna().isin((0.0, 1.0)).all():
            flags.add(name)
        for base, fitted_only in BASES.items():
            rows = values[values["in_fit"].astype(bool)] if fitted_only else values
            for cluster, median in rows.groupby("cluster")["value"].median().items():
                medians[base][int(str(cluster)), name] = float(median)
            usual[base, name] = float(rows["value"].mean() if name in flags else rows["value"].median())
    return medians, usual, flags


def _long(parts: pd.DataFrame, medians: Mapping[tuple[int, str], float], names: Sequence[str]) -> pd.DataFrame:
    records = [
        (int(str(cluster)), name, _mean(rows, name), medians.get((int(str(cluster)), name), float("nan")))
        for cluster, rows in parts.groupby("cluster")
        for name in names
    ]
    long = pd.DataFrame(records, columns=["cluster", "feature", "mean", "median"])
    return long.astype({"cluster": "int64", "mean": "float64", "median": "float64"})


def match_personas(
    aggregates: Aggregates, catalog: PersonaCatalog, *, carried: Mapping[int, str] | None = None
) -> dict[int, Match]:
    """Match each cluster with a persona, by the means and medians of its fitted rows.

    A cluster in ``carried`` keeps that name, which no other cluster can get.
    A cluster without fitted rows is unnamed. That happens if an older model is applied to newer rows.
    """
    fitted = aggregates.measures[(aggregates.measures["base"] == "fitted") & (aggregates.measures["cluster"] >= 0)]
    means, medians = (
        {
            int(str(cluster)): dict(zip(rows["feature"], rows[statistic], strict=True))
            for cluster, rows in fitted.groupby("cluster")
        }
        for statistic in ("mean", "median")
    )
    base = {name: aggregates.totals["fitted", name] for name in catalog.features}
    matches = name_clusters(means, base, catalog, medians=medians, carried=carried or {})
    others = {int(cluster) for cluster in aggregates.sizes["cluster"] if cluster >= 0} - set(matches)
    return matches | {cluster: unnamed(cluster) for cluster in others}


def summaries(
    aggregates: Aggregates,
    matches: Mapping[int, Match],
    measured: Mapping[int, Measured],
    *,
    why_none: str | None = None,
    lacking: str = "",
    remark: str = "",
) -> pd.DataFrame:
    """Return rows of ``personas.summaries``, the largest segment first.

    Parameters
    ----------
    aggregates : Aggregates
        Sizes by cluster. Profiles without a cluster become the row "Not enough data".
    matches : mapping of int to Match
        The persona of each cluster.
    measured : mapping of int to Measured
        The stability of each measured cluster.
    why_none : str, optional
        The reason if the study has no model.
    lacking : str
        What the profiles without a cluster lack, in words.
    remark : str
        A sentence at the end of every description.
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
                "verdict": _verdict(cluster, int(size["profiles_in_fit"]), measured).label,
                **_texts(match, why_none, lacking, remark),
                "match_distance": match.distance if match else None,
                "farthest_in_fit": size.get("farthest_in_fit"),
                "profiles_beyond_fit": size.get("profiles_beyond_fit"),
            }
        )
    frame = pd.DataFrame(rows, columns=SUMMARIES_TABLE.frame_names)
    numbers = {"match_distance": "float64", "farthest_in_fit": "float64", "profiles_beyond_fit": "Int64"}
    return frame.astype({"cluster": "Int64", **numbers})


def _verdict(cluster: int, profiles_in_fit: int, measured: Mapping[int, Measured]) -> Verdict:
    if cluster < 0:
        return NO_SEGMENT
    return segment_verdict(measured.get(cluster, Measured(None, None, profiles_in_fit)))


def _texts(match: Match | None, why_none: str | None, lacking: str, remark: str) -> dict[str, str]:
    if match is None:
        text, advice = "Profiles without a value that the model needs, so they have no segment", "Scrape them again."
        if why_none:
            text = f"The study could not be run on this snapshot: {why_none}"
            advice = "Use a snapshot that has what the study needs, or another study."
        elif lacking:
            text = f"{text}: {lacking}"
        return {
            "description": " ".join(filter(None, (f"{text}.", remark))),
            "strategic_value": "Unknown.",
            "recommendation": advice,
        }
    if match.persona is None:
        text = "A group that fits none of the study's personas. Its features are in personas.features."
        advice = "Review some of its creators before you act on it."
        return {
            "description": " ".join(filter(None, (text, remark))),
            "strategic_value": "Unknown.",
            "recommendation": advice,
        }
    persona = match.persona
    return {
        "description": " ".join(filter(None, (persona.description, remark))),
        "strategic_value": persona.strategic_value,
        "recommendation": persona.recommendation,
    }


def persona_features(aggregates: Aggregates, matches: Mapping[int, Match]) -> pd.DataFrame:
    """Return rows of ``personas.features`` for both bases: mean, median, and both relative to the base."""
    rows = [
        (
            matches[int(row["cluster"])].name if row["cluster"] >= 0 else NOT_ENOUGH_DATA,
            row["base"],
            row["feature"],
            row["mean"],
            row["median"],
            _relative(row["mean"], aggregates.totals[row["base"], row["feature"]]),
            _relative(
                row["mean" if row["feature"] in aggregates.flags else "median"],
                aggregates.usual.get((row["base"], row["feature"]), float("nan")),
            ),
        )
        for row in aggregates.measures.to_dict("records")
    ]
    frame = pd.DataFrame(rows, columns=FEATURES_TABLE.frame_names)
    numbers = ("mean", "median", "relative_importance", "relative_median")
    return frame.astype(dict.fromkeys(numbers, "float64"))


def _relative(mean: float, base: float) -> float | None:
    return mean / base - 1.0 if base and not math.isnan(base) else None


def recommendations(catalog: PersonaCatalog | None, study_advice: Sequence[str]) -> pd.DataFrame:
    """Return rows of ``personas.recommendations``: advice for each persona, then for the study (empty persona)."""
    rows = [(persona.name, persona.recommendation) for persona in (catalog.personas if catalog else ())]
    rows += [("", text) for text in study_advice]
    return pd.DataFrame(rows, columns=RECOMMENDATIONS_TABLE.frame_names)
