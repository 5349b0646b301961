"""Which figures a study with personas has, drawn from a bounded sample of its profiles."""

import math
from typing import Any

import narwhals as nw
import pandas as pd

from tiktok_pipeline.analysis.segmentation import PersonaTables
from tiktok_pipeline.clusters.model import SegmentModel
from tiktok_pipeline.clusters.silhouettes import silhouettes
from tiktok_pipeline.features.sample import collect_sample
from tiktok_pipeline.plots.persona_profiles import plot_relative_importance, plot_snake
from tiktok_pipeline.plots.segments import plot_archetypes, plot_biplot, plot_personas, plot_silhouette
from tiktok_pipeline.plots.stability import plot_trust
from tiktok_pipeline.recipes.segmentation import Segmentation
from tiktok_pipeline.study import Study
from tiktok_pipeline.warehouse.base import Engine

PLOTTED_PROFILES = 3_000


def persona_figures(
    study: Study,
    segmentation: Segmentation,
    personas: PersonaTables,
    *,
    model: SegmentModel | None,
    stability: pd.DataFrame,
    engine: Engine,
) -> dict[str, Any]:
    """Draw the figures of the personas of a study.

    Parameters
    ----------
    study, segmentation : Study, Segmentation
        The study, and the basis that its segments have in the snapshot.
    personas : PersonaTables
        The personas of the study, with a sample of its profiles.
    model : SegmentModel or None
        The fitted model; without one no figure is drawn.
    stability : DataFrame
        A slice of ``clusters.stability``.
    engine : Engine
        Collects the sample.

    Returns
    -------
    dict of str to Figure
        The figures by name.
    """
    if model is None:
        return {}
    names = {cluster: match.name for cluster, match in personas.matches.items()}
    known = [persona.name for persona in segmentation.personas.personas]
    judged = stability.merge(personas.summaries[["cluster", "verdict"]], on="cluster")
    figures: dict[str, Any] = {}
    if study.source == "profiles":
        response = segmentation.response or "avg_engagement_rate"
        points = collect_sample(
            personas.sample, ("followers", response, "cluster"), max_rows=PLOTTED_PROFILES, engine=engine
        )
        figures["followers_and_engagement"] = plot_personas(points, names, study.name, known, response=response)
    columns = list(segmentation.features)
    rows = collect_sample(personas.sample.filter(nw.col("in_fit")), columns, max_rows=PLOTTED_PROFILES, engine=engine)
    scaled = pd.DataFrame(model.transform(rows), columns=columns)
    labels = model.predict(scaled.to_numpy())
    if len(columns) == 2:
        figures["archetypes"] = plot_archetypes(rows[columns].assign(cluster=labels), _centroids(model), names, known)
    else:
        figures["biplot"] = plot_biplot(scaled, pd.Series(labels), names, known)
    figures["snake"] = plot_snake(personas.features, known)
    figures["relative_importance"] = plot_relative_importance(personas.features, known)
    figures["trust"] = plot_trust(judged, names, known)
    (samples,) = silhouettes(scaled.to_numpy(), [labels])
    if samples is not None:
        profiles = pd.DataFrame({"cluster": labels, "silhouette": samples})
        figures["silhouettes"] = plot_silhouette(profiles, names, known)
    return figures


def _centroids(model: SegmentModel) -> pd.DataFrame:
    """Return the centroids in the units of the features."""
    columns = {}
    for place, name in enumerate(model.features):
        value = pd.Series(model.centroids[:, place]) * float(model.scales[place]) + float(model.centers[place])
        columns[name] = value.map(math.expm1) if model.transforms[place] == "log1p" else value
    return pd.DataFrame({"cluster": range(len(model.centroids)), **columns})
