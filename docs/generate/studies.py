"""Renders one page for each study, from its record and the text at the head of its file."""

from __future__ import annotations

from collections.abc import Mapping

import tiktok_pipeline.studies
from generate.markdown import code, escape, paragraphs, table
from tiktok_pipeline.recipes.classification import Classification
from tiktok_pipeline.recipes.segmentation import Segmentation
from tiktok_pipeline.study import Study, load_studies


def render() -> dict[str, str]:
    """Return the page of each study by its name."""
    return {study.name: _page(study) for study in load_studies(tiktok_pipeline.studies)}


def _page(study: Study) -> str:
    _, _, notes = study.notes.partition("\n\n")
    return paragraphs(
        f"# {study.name}",
        f"**{escape(study.question)}**",
        notes.replace("``", "`"),
        f"Published in: {escape(study.published_in)}.",
        _segmentation(study.segmentation) if study.segmentation else "",
        _classification(study.classification) if study.classification else "",
        "## Advice",
        "\n".join(f"- {escape(text)}" for text in study.recommendations),
        "## Query it",
        f"```sql\n{_query(study)}\n```",
    )


def _segmentation(segmentation: Segmentation) -> str:
    scaling, outliers, described = segmentation.scaling, segmentation.outliers, segmentation.personas.features
    logarithms = f", after ln(x + 1) of {_names(scaling.log1p)}" if scaling.log1p else ""
    settings = {
        "Features": ", ".join(code(name) for name in segmentation.features),
        "Scaler": f"{scaling.scaler}{logarithms}",
        "Missing values": "a row without a value has no segment" if scaling.missing == "drop" else "the mean",
        "Outliers": (
            f"outside {outliers.width} interquartile ranges of {_names(outliers.columns)}, one after the other; "
            "such rows do not take part in the fit"
            if outliers
            else "none are left out"
        ),
        "Segments (k)": str(segmentation.k),
        "Starts of KMeans": f"{segmentation.n_init}, random state {segmentation.random_state}",
        "Compared numbers of segments": f"{segmentation.k_range[0]} to {segmentation.k_range[1]}",
        "Bootstrap draws": str(segmentation.draws),
    }
    personas = [
        paragraphs(
            f"### {escape(persona.name)}",
            escape(persona.description),
            f"*Value:* {escape(persona.strategic_value)}",
            f"*Advice:* {escape(persona.recommendation)}",
        )
        for persona in segmentation.personas.personas
    ]
    typical = [
        [
            escape(persona.name),
            f"{persona.profiles:,}",
            *(f"{persona.typical[name]:,.6g}" for name in described),
        ]
        for persona in segmentation.personas.personas
    ]
    header = ["Persona", "Profiles", *(code(name) for name in described)]
    return paragraphs(
        "## Settings",
        _settings(settings),
        "## Personas",
        "A cluster gets the name of the persona that it resembles, and `Unnamed segment N` if it resembles none.",
        "Means in the population in which the personas were found:",
        table(header, typical),
        *personas,
    )


def _classification(classification: Classification) -> str:
    label = classification.label
    rule = f"above {label.above:g}" if label.above is not None else f"in the top {label.top_share:.0%}"
    settings = {
        "Label": f"{escape(label.name)}: {code(label.feature)} {rule}",
        "Inputs of the published model": ", ".join(code(name) for name in classification.published.features),
        "Cross-validation": f"{classification.folds} stratified folds, {classification.repeats} repeats",
        "Scores come from": f"{code(classification.scored_by[1])} on {code(classification.scored_by[0])}",
    }
    sets = [
        [
            code(entry.name),
            ", ".join(code(name) for name in entry.models),
            escape(entry.why),
            "yes" if entry.leaks else "no",
            ", ".join(code(name) for name in entry.features),
        ]
        for entry in classification.sets
    ]
    return paragraphs(
        "## Classifier",
        escape(classification.what_it_means),
        _settings(settings),
        "Each feature set is evaluated with its own models:",
        table(["Feature set", "Models", "Why", "Leaks the label", "Features"], sets),
    )


def _settings(settings: Mapping[str, str]) -> str:
    return table(["Setting", "Value"], settings.items())


def _names(names: tuple[str, ...]) -> str:
    return ", ".join(code(name) for name in names)


def _query(study: Study) -> str:
    if study.segmentation is None:
        return f"select account_id, score\nfrom segments.{study.name}\norder by score desc\nlimit 10"
    return f"select persona, count(*) as creators\nfrom segments.{study.name}\ngroup by all\norder by creators desc"
