"""The analysis of one frame: the published results on the real scrape, and properties of any frame."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import narwhals as nw
import pandas as pd
import pytest

import tiktok_pipeline.studies
from tiktok_pipeline.analysis import fit_inputs as fit_inputs_module
from tiktok_pipeline.analysis import run_study as run_study_module
from tiktok_pipeline.analysis.classification import classify_study, score_creators
from tiktok_pipeline.analysis.fit_inputs import FitInputs, build_fit_inputs
from tiktok_pipeline.analysis.run_study import Segments, run_study
from tiktok_pipeline.analysis.segmentation import (
    NOTHING_DELIVERED,
    assign_study,
    assign_with_features,
    fit_study,
    measure_stability,
    measured_clusters,
    score_study,
)
from tiktok_pipeline.arrays import Matrix
from tiktok_pipeline.classifiers.labels import NotEnoughRowsError
from tiktok_pipeline.classifiers.schema import LEAKAGE_SCHEMA, METRICS_SCHEMA, SCORES_SCHEMA
from tiktok_pipeline.clusters import fit_rows
from tiktok_pipeline.clusters.model import SegmentModel, TooFewRowsError, from_frame
from tiktok_pipeline.clusters.schema import (
    ASSIGNMENTS_SCHEMA,
    FITS_SCHEMA,
    K_SCORES_SCHEMA,
    MODELS_SCHEMA,
    STABILITY_RUNS_SCHEMA,
    STABILITY_SCHEMA,
)
from tiktok_pipeline.clusters.stability import FitSettings, StabilityResult, fingerprint
from tiktok_pipeline.features.build import build_features
from tiktok_pipeline.features.sample import sample_frame
from tiktok_pipeline.personas.schema import FEATURES_SCHEMA, SUMMARIES_SCHEMA
from tiktok_pipeline.personas.verdict import Measured, segment_verdict
from tiktok_pipeline.raw.dialects import recognize
from tiktok_pipeline.raw.read import read_file
from tiktok_pipeline.recipes.classification import Classification, FeatureSet, Label, PublishedForest
from tiktok_pipeline.recipes.segmentation import InterquartileRule, Scaling, Segmentation
from tiktok_pipeline.study import Study, load_studies
from tiktok_pipeline.validated.validate import validate_source
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse
from tiktok_pipeline_tests.features.frames import creators, pandas, validated

ORIGINAL, SPREADSHEET = "profiles_2023-08-12.csv", "profiles_2023-08-12_excel.csv"
STUDIES = {study.name: study for study in load_studies(tiktok_pipeline.studies)}
STUDY = STUDIES["influencer_segments"]

MEASURES = ("followers", "avg_engagement_rate", "following", "likes", "videos_count", "is_verified")
# persona: cluster, fitted, over all profiles, and the means in the order of MEASURES, to the digits published
PUBLISHED: dict[str, tuple[int, int, int, str]] = {
    "Mid-Tier Mainstream Influencers": (0, 428, 428, "106622 0.0176 792.0 2874820 422.66 0"),
    "Celebrity Accounts": (1, 2, 2, "12500000 0.0095 29.5 605250000 1590 0.5"),
    "Niche Engagement Specialists": (2, 170, 486, "69711.4 0.1020 776.9 1858375 155.32 0"),
    "Community Builders": (3, 67, 67, "22703.6 0.0186 7482.75 212837 580.25 0"),
    "Verified Content Creators": (4, 16, 17, "1452662 0.0313 253.25 32207740 590.25 1"),
}
INERTIA_BY_K = {
    2: 4182.87,
    3: 3168.68,
    4: 2533.30,
    5: 1998.32,
    6: 1730.92,
    7: 1447.39,
    8: 1314.20,
    9: 1157.78,
    10: 1052.97,
}


def half_a_unit(text: str) -> float:
    """Return half a unit of the last digit of a published number; the largest have seven digits."""
    whole, _, fraction = text.partition(".")
    return 0.5 * 10.0 ** max(-len(fraction), len(whole) - 7)


@dataclass(frozen=True)
class Tables:
    """The result of a study as small frames, with the statistics of its fit by name."""

    segments: Segments
    assignments: pd.DataFrame
    figures: dict[str, float]

    @property
    def means(self) -> pd.DataFrame:
        """The means of the fitted rows, one row for each persona."""
        fitted = self.segments.persona_features.query("base == 'fitted'")
        return fitted.pivot_table(index="persona", columns="feature", values="mean")


def run(frame: nw.LazyFrame[Any], study: Study, engine: DuckDBWarehouse) -> Tables:
    result = run_study(frame, study, engine=engine)
    segments = result.segments
    assert segments is not None
    assert (result.evaluation, result.leakage) == (None, None)
    figures = dict(zip(segments.fits["statistic"], segments.fits["value"], strict=True))
    return Tables(segments, pandas(segments.assignments, "account_id"), figures)


@pytest.fixture(scope="module")
def engine() -> Iterator[DuckDBWarehouse]:
    """Return one engine for the synthetic frames."""
    with DuckDBWarehouse(None) as warehouse:
        yield warehouse


@pytest.fixture(scope="module")
def of_file(real_data: Callable[[str], Path]) -> Callable[[str], Tables]:
    """Return a function that runs the study over a real file, once for each file."""
    kept: dict[str, Tables] = {}

    def tables(name: str) -> Tables:
        if name not in kept:
            path, warehouse = real_data(name), DuckDBWarehouse(None)
            scan = warehouse.scan(path, "csv")
            dialect = recognize(scan.header, file=name)
            raw = read_file(scan, dialect, source_file=name, engine=warehouse)
            kept[name] = run(validate_source(raw, dialect.source, warehouse).valid, STUDY, warehouse)
            warehouse.close()
        return kept[name]

    return tables


@pytest.mark.real_data
@pytest.mark.parametrize("file", [ORIGINAL, SPREADSHEET])
def test_the_filter_keeps_the_published_number_of_rows(of_file: Callable[[str], Tables], file: str) -> None:
    names = ("rows", *(f"rows_after_{rate}_engagement_rate" for rate in ("avg", "comment", "like")), "rows_in_fit")
    assert [of_file(file).figures[name] for name in names] == [1000, 860, 750, 683, 683]


@pytest.mark.real_data
@pytest.mark.parametrize("file", [ORIGINAL, SPREADSHEET])
def test_the_segments_have_the_published_numbers_names_and_sizes(of_file: Callable[[str], Tables], file: str) -> None:
    tables = of_file(file)
    summary = SUMMARIES_SCHEMA.validate(tables.segments.summaries)
    found = {
        row["persona"]: (row["cluster"], row["profiles_in_fit"], row["profiles"])
        for row in summary.to_dict("records")
    }
    assert found == {name: published[:3] for name, published in PUBLISHED.items()}
    assert summary["match_distance"].max() < 0.01
    counted = tables.assignments.groupby("cluster")["in_fit"].agg(["sum", "size"])
    assert counted.to_numpy().tolist() == [list(published[1:3]) for published in PUBLISHED.values()]


@pytest.mark.real_data
@pytest.mark.parametrize("persona", PUBLISHED)
def test_the_means_equal_the_published_means_to_the_digit(of_file: Callable[[str], Tables], persona: str) -> None:
    means = of_file(ORIGINAL).means.loc[persona]
    for name, text in zip(MEASURES, PUBLISHED[persona][3].split(), strict=True):
        assert means[name] == pytest.approx(float(text), rel=0, abs=half_a_unit(text)), name


@pytest.mark.real_data
def test_the_means_of_the_spreadsheet_file_agree_to_four_digits(of_file: Callable[[str], Tables]) -> None:
    original, spreadsheet = of_file(ORIGINAL).means, of_file(SPREADSHEET).means
    pd.testing.assert_frame_equal(spreadsheet, original, rtol=1e-5, atol=1e-9)


@pytest.mark.real_data
@pytest.mark.parametrize("file", [ORIGINAL, SPREADSHEET])
def test_the_statistics_of_the_fit_are_as_published(of_file: Callable[[str], Tables], file: str) -> None:
    figures = of_file(file).figures
    assert round(figures["inertia"], 2) == 1998.39
    assert round(figures["silhouette"], 4) == 0.4343
    explained = ("followers", "likes", "videos_count", "avg_engagement_rate")
    assert [round(figures[f"eta_squared_{name}"], 2) for name in explained] == [0.12, 0.10, 0.13, 0.54]


@pytest.mark.real_data
@pytest.mark.parametrize("file", [ORIGINAL, SPREADSHEET])
def test_the_scores_of_k_are_as_published(of_file: Callable[[str], Tables], file: str) -> None:
    scores = K_SCORES_SCHEMA.validate(of_file(file).segments.k_scores)
    assert {row["k"]: round(row["inertia"], 2) for row in scores.to_dict("records")} == INERTIA_BY_K
    assert scores.loc[scores["is_chosen"], "k"].tolist() == [5]


def small_study(**changes: Any) -> Study:
    """Return the real study with three clusters, few k and few draws."""
    assert STUDY.segmentation is not None
    return replace(
        STUDY, segmentation=replace(STUDY.segmentation, **{"k": 3, "k_range": (2, 4), "draws": 20, **changes})
    )


def settings_of(study: Study) -> Segmentation:
    assert study.segmentation is not None
    return study.segmentation


def fit_inputs(features: nw.LazyFrame[Any], study: Study, engine: DuckDBWarehouse, **bound: Any) -> FitInputs:
    return build_fit_inputs(sample_frame(features, engine, **bound), study, engine)


def test_every_table_of_a_result_keeps_its_contract(engine: DuckDBWarehouse) -> None:
    tables = run(validated(engine, creators(150)), small_study(), engine)
    for schema, frame in (
        (K_SCORES_SCHEMA, tables.segments.k_scores),
        (FITS_SCHEMA, tables.segments.fits),
        (MODELS_SCHEMA, tables.segments.models),
        (ASSIGNMENTS_SCHEMA, tables.assignments),
        (SUMMARIES_SCHEMA, tables.segments.summaries),
        (FEATURES_SCHEMA, tables.segments.persona_features),
        (STABILITY_SCHEMA, tables.segments.stability),
        (STABILITY_RUNS_SCHEMA, tables.segments.stability_runs),
    ):
        assert len(schema.validate(frame)) == len(frame) > 0


def test_the_tables_of_a_result_agree_with_each_other(engine: DuckDBWarehouse) -> None:
    tables = run(validated(engine, creators(150)), small_study(), engine)
    assert len(tables.assignments) == tables.segments.summaries["profiles"].sum() == tables.figures["rows"] == 150
    fitted = tables.segments.summaries["profiles_in_fit"].sum()
    assert tables.assignments["in_fit"].sum() == fitted == tables.figures["rows_in_fit"] < 150
    assert tables.segments.summaries["share"].sum() == pytest.approx(1.0)
    squares = (tables.assignments.query("in_fit")["distance"] ** 2).sum()
    assert squares == pytest.approx(tables.figures["inertia"])


def test_the_same_rows_in_another_order_give_the_same_tables(engine: DuckDBWarehouse) -> None:
    rows = [row | {"source_row": place} for place, row in enumerate(creators(150), start=1)]
    runs = [run(validated(engine, order), small_study(n_init=1), engine) for order in (rows, rows, rows[::-1])]
    for other in runs[1:]:
        pd.testing.assert_frame_equal(other.assignments, runs[0].assignments, check_exact=True)
        for name in ("k_scores", "models", "fits", "summaries", "stability", "stability_runs"):
            pd.testing.assert_frame_equal(
                getattr(other.segments, name), getattr(runs[0].segments, name), rtol=1e-12, obj=name
            )
        pd.testing.assert_frame_equal(other.segments.persona_features, runs[0].segments.persona_features, rtol=1e-12)


def test_above_max_fit_rows_the_sample_is_fitted_and_every_row_is_assigned(engine: DuckDBWarehouse) -> None:
    study = small_study(max_fit_rows=60, max_score_rows=40, outliers=None)
    tables = run(validated(engine, creators(150)), study, engine)
    assert tables.figures["rows_in_fit"] == tables.assignments["in_fit"].sum() == 60
    assert tables.assignments["cluster"].notna().all()
    squares = (tables.assignments.query("in_fit")["distance"] ** 2).sum()
    assert squares == pytest.approx(tables.figures["inertia"])


def with_gaps() -> list[dict[str, Any]]:
    rates = dict.fromkeys(("avg_engagement_rate", "comment_engagement_rate", "like_engagement_rate"))
    return [row | (rates if place % 10 == 0 else {}) for place, row in enumerate(creators(150))]


def test_profiles_without_a_value_are_dropped_and_counted(engine: DuckDBWarehouse) -> None:
    tables = run(validated(engine, with_gaps()), small_study(), engine)
    assert (tables.figures["rows"], tables.figures["rows_after_missing"]) == (150, 135)
    summary = tables.segments.summaries.set_index("persona")
    assert list(summary.loc["Not enough data", ["profiles", "profiles_in_fit", "verdict"]]) == [
        15,
        0,
        "no segment",
    ]
    assert tables.assignments["cluster"].isna().sum() == 15


@pytest.mark.parametrize("outliers", [None, InterquartileRule(columns=("avg_engagement_rate",))])
def test_profiles_without_a_value_are_filled_if_the_study_fills_them(
    engine: DuckDBWarehouse, outliers: InterquartileRule | None
) -> None:
    study = small_study(scaling=Scaling(missing="mean"), outliers=outliers)
    tables = run(validated(engine, with_gaps()), study, engine)
    ASSIGNMENTS_SCHEMA.validate(tables.assignments)
    assert tables.assignments["cluster"].notna().all()
    assert set(tables.assignments["in_fit"]) <= {True, False}
    assert tables.figures["rows_in_fit"] == tables.assignments["in_fit"].sum()
    assert all(0 <= value <= 1 for name, value in tables.figures.items() if name.startswith("eta_squared"))


def test_too_few_rows_raise(engine: DuckDBWarehouse) -> None:
    with pytest.raises(TooFewRowsError, match="2 distinct rows to fit, 3 clusters asked for"):
        run(validated(engine, creators(2)), small_study(outliers=None), engine)
    with pytest.raises(TooFewRowsError, match=NOTHING_DELIVERED):
        run(validated(engine, []), small_study(), engine)


def test_a_study_of_creator_activity_runs_like_a_study_of_profiles(engine: DuckDBWarehouse) -> None:
    rows = [{"engagement_index": 10.0 * (row % 7), "monetization_maturity": 3.0 * (row % 11)} for row in range(70)]
    personas = settings_of(STUDY).personas
    typical = {"engagement_index": 50.0}
    study = Study(
        name="activity",
        question="Who is there?",
        published_in="-",
        source="creator_activity",
        segmentation=Segmentation(
            features=("engagement_index", "monetization_maturity"),
            k=3,
            k_range=(2, 4),
            personas=replace(
                personas,
                personas=tuple(replace(persona, typical=typical, ranges={}) for persona in personas.personas),
            ),
        ),
    )
    tables = run(validated(engine, rows, "creator_activity"), study, engine)
    assert tables.segments.summaries["profiles"].sum() == 70
    assert set(tables.segments.persona_features["feature"]) == {"engagement_index", "monetization_maturity"}


def test_the_verdict_of_a_segment_follows_from_its_jaccard(engine: DuckDBWarehouse) -> None:
    segments = run(validated(engine, creators(150)), small_study(outliers=None), engine).segments
    measured = measured_clusters(segments.stability)
    assert set(measured) == {0, 1, 2}
    told = {row["cluster"]: row for row in segments.summaries.to_dict("records")}
    for cluster, found in measured.items():
        assert told[cluster]["verdict"] == segment_verdict(found).label
    assert not {row["verdict"] for row in told.values()} <= {"too small", "not measured"}


def test_what_a_verdict_is_made_from_is_the_row_of_the_stability() -> None:
    stability = pd.DataFrame(
        {"cluster": [0, 2], "jaccard": [0.5, 0.0], "standard_error": [0.1, 0.2], "profiles": [40, 3]}
    )
    assert measured_clusters(stability) == {0: Measured(0.5, 0.1, 40), 2: Measured(0.0, 0.2, 3)}
    assert measured_clusters(stability[:0]) == {}


@dataclass(frozen=True)
class Fitted:
    """Features of invented creators, and the model of the small study."""

    features: nw.LazyFrame[Any]
    model: SegmentModel

    def trust(
        self, engine: DuckDBWarehouse, known: StabilityResult | None = None, rows: int = 150, **changes: Any
    ) -> StabilityResult:
        """Measure the stability of the model on the first rows, with some settings of the study changed."""
        features = self.features.filter(nw.col("account_id") < f"creator_{rows:05d}")
        study = small_study(outliers=None, **changes)
        return measure_stability(fit_inputs(features, study, engine), self.model, engine, known=known)


@pytest.fixture
def fitted(engine: DuckDBWarehouse) -> Fitted:
    """See `Fitted`."""
    features = engine.persist(build_features(validated(engine, creators(150)), "profiles"))
    model = from_frame(fit_study(fit_inputs(features, small_study(outliers=None), engine), engine)[0])
    assert model is not None
    return Fitted(features, model)


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Record the rows of each measurement; its result is a row with the fingerprint."""
    seen: list[int] = []

    def count(
        matrix: Matrix, model: SegmentModel, settings: FitSettings, *, start: None, processes: int
    ) -> StabilityResult:
        seen.append(len(matrix))
        digest = fingerprint(matrix, model, settings, start)
        return StabilityResult(pd.DataFrame({"fingerprint": [digest]}), pd.DataFrame())

    monkeypatch.setattr("tiktok_pipeline.analysis.segmentation.measure", count)
    return seen


def test_a_known_result_is_not_measured_again(engine: DuckDBWarehouse, fitted: Fitted, measured: list[int]) -> None:
    known = fitted.trust(engine)
    assert fitted.trust(engine, known) is known
    assert fitted.trust(engine, known, k_range=(2, 4), max_score_rows=9) is known
    assert measured == [150]


@pytest.mark.parametrize(
    "change", ["model", "rows", "random_state", "n_init", "k_range", "sweep_n_init", "draws", "mixed"]
)
def test_a_known_result_is_measured_again_if_anything_changed(
    engine: DuckDBWarehouse, fitted: Fitted, measured: list[int], change: str
) -> None:
    known = fitted.trust(engine)
    changed = fitted
    settings: dict[str, Any] = {}
    if change == "model":
        changed = replace(fitted, model=replace(fitted.model, centroids=fitted.model.centroids + 0.01))
    elif change == "rows":
        settings = {"rows": 149}
    elif change == "mixed":  # two measurements in one table are none to go by
        other = pd.DataFrame({"fingerprint": ["of another run"]})
        known = StabilityResult(pd.concat([known.stability, other]), known.runs)
    else:
        settings = {change: (2, 5) if change == "k_range" else 3}
    assert changed.trust(engine, known, **settings) is not known
    assert len(measured) == 2


def test_an_empty_table_is_not_a_known_result(engine: DuckDBWarehouse, fitted: Fitted, measured: list[int]) -> None:
    nothing = measure_stability(fit_inputs(fitted.features, small_study(), engine), None, engine)
    assert (len(nothing.stability), len(nothing.runs), measured) == (0, 0, [])
    STABILITY_SCHEMA.validate(nothing.stability)
    STABILITY_RUNS_SCHEMA.validate(nothing.runs)
    assert fitted.trust(engine, nothing) is not nothing
    assert measured == [150]


def test_stability_is_measured_on_a_bounded_sample_of_the_fitted_rows(
    engine: DuckDBWarehouse, fitted: Fitted, measured: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    rule = InterquartileRule(columns=("avg_engagement_rate",))
    measure_stability(fit_inputs(fitted.features, small_study(outliers=rule), engine), fitted.model, engine)
    assert 100 < measured.pop() < 150
    monkeypatch.setattr("tiktok_pipeline.analysis.segmentation.MAX_STABILITY_ROWS", 70)
    fitted.trust(engine)
    assert measured == [70]


CLASSIFICATION = Classification(
    label=Label(name="loud", feature="avg_engagement_rate", above=0.05),
    published=PublishedForest(features=("followers", "likes"), trees=5),
    sets=(FeatureSet(name="counts", features=("followers", "likes"), models=("logistic_regression",), why="few"),),
    scored_by=("counts", "logistic_regression"),
    audited=("following",),
    folds=2,
    repeats=1,
)


def test_a_study_without_segments_has_its_classifiers_only(engine: DuckDBWarehouse) -> None:
    study = replace(small_study(), segmentation=None, classification=CLASSIFICATION)
    found = run_study(validated(engine, creators(150)), study, engine=engine)
    assert found.segments is None
    assert found.evaluation is not None
    assert found.leakage is not None
    assert set(METRICS_SCHEMA.validate(found.evaluation.metrics)["feature_set"]) >= {"counts"}
    assert set(LEAKAGE_SCHEMA.validate(found.leakage)["feature"]) == {"followers", "likes", "following"}


def test_every_creator_has_a_score_out_of_fold_if_labeled(engine: DuckDBWarehouse) -> None:
    frame = engine.persist(build_features(validated(engine, with_gaps()), "profiles"))
    evaluation, _ = classify_study(frame, CLASSIFICATION, engine)
    scores = SCORES_SCHEMA.validate(pandas(nw.from_native(score_creators(frame, evaluation, engine)), "account_id"))
    labeled = pandas(frame.filter(~nw.col("avg_engagement_rate").is_null()), "account_id")["account_id"]
    assert scores["account_id"].tolist() == pandas(frame, "account_id")["account_id"].tolist()
    assert scores.loc[scores["out_of_fold"], "account_id"].tolist() == labeled.tolist()
    assert scores["score"].notna().all()
    kept = evaluation.out_of_fold.set_index("account_id")["score"]
    assert scores[scores["out_of_fold"]].set_index("account_id")["score"].to_dict() == pytest.approx(kept.to_dict())


def test_too_few_creators_of_a_class_raise(engine: DuckDBWarehouse) -> None:
    study = replace(small_study(), segmentation=None, classification=CLASSIFICATION)
    quiet = [row | {"avg_engagement_rate": 0.01} for row in creators(150)]
    with pytest.raises(NotEnoughRowsError, match="0 positive of 150 labeled profiles"):
        run_study(validated(engine, quiet), study, engine=engine)
    top = replace(CLASSIFICATION, label=Label(name="top", feature="avg_engagement_rate", top_share=0.05))
    unknown = [row | {"avg_engagement_rate": None} for row in creators(20)]
    with pytest.raises(NotEnoughRowsError, match="avg_engagement_rate is missing"):
        run_study(validated(engine, unknown), replace(study, classification=top), engine=engine)
    by_ratio = replace(CLASSIFICATION, label=Label(name="liked", feature="likes_per_video", top_share=0.05))
    without_videos = [row | {"videos_count": 0} for row in creators(20)]
    with pytest.raises(NotEnoughRowsError, match="no profile has a value of likes_per_video"):
        run_study(validated(engine, without_videos), replace(study, classification=by_ratio), engine=engine)


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("tiktok_pipeline", ("dagster", "duckdb", "pandas", "narwhals", "numpy")),
        (
            "tiktok_pipeline.analysis.run_study",
            ("dagster", "duckdb", "sklearn", "scipy.optimize", "matplotlib", "torch"),
        ),
        ("tiktok_pipeline.settings", ("dagster", "duckdb", "pandas")),
        ("tiktok_pipeline.output.print_rows", ("dagster", "duckdb", "pandas", "rich")),
        ("tiktok_pipeline.cli.app", ("dagster", "duckdb", "pandas", "narwhals")),
    ],
)
def test_importing_a_module_does_not_load_heavy_libraries(module: str, absent: tuple[str, ...]) -> None:
    program = f"import sys, {module}; print([name for name in {absent!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_if_few_rows_are_complete_the_fit_sees_all_complete_rows(
    engine: DuckDBWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sample of all rows would have only a few complete rows."""
    rates = ("avg_engagement_rate", "comment_engagement_rate", "like_engagement_rate")
    lacking = [
        row | dict.fromkeys(rates) | {"account_id": f"none_{number}"} for number, row in enumerate(creators(300) * 3)
    ]
    frame = build_features(validated(engine, [*creators(150), *lacking]), "profiles")
    study = small_study(outliers=None)
    assert settings_of(study).scaling.missing == "drop"
    everybody = fit_study(fit_inputs(frame, study, engine), engine)
    monkeypatch.setattr("tiktok_pipeline.analysis.fit_inputs.MAX_SAMPLE_ROWS", 200)
    sample = fit_inputs(frame, study, engine, max_rows=200)
    assert sample.features.largest_key is not None
    assert sample.complete.largest_key is None
    models, fits, _ = fit_study(sample, engine)
    figures = fits.set_index("statistic")["value"]
    assert figures[["rows", "rows_after_missing", "rows_in_fit"]].tolist() == [1_050.0, 150.0, 150.0]
    pd.testing.assert_frame_equal(models, everybody[0])
    model = from_frame(models)
    assert len(score_study(sample, engine))
    assert measure_stability(sample, model, engine).stability["profiles"].sum() == 150
    assigned = pandas(assign_study(sample, model, engine), "account_id")
    assert (int(assigned["in_fit"].sum()), len(assigned)) == (150, 1_050)
    everyone, representatives = assign_with_features(sample, model, engine)
    counts = pandas(representatives, "account_id")["cluster"].isna()
    assert (int((~counts).sum()), int(counts.sum()) > 100) == (150, True)
    assert len(pandas(everyone, "account_id")) == 1_050


def test_every_step_of_a_run_shares_the_fit_inputs(engine: DuckDBWarehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fences of a column, the complete rows and the largest key are computed once, not once for each step."""
    fenced: list[str] = []
    calls: list[str] = []

    def counting(module: Any, name: str) -> None:
        original = getattr(module, name)

        def counted(*arguments: Any, **settings: Any) -> Any:
            calls.append(name)
            return original(*arguments, **settings)

        monkeypatch.setattr(module, name, counted)

    fences = fit_rows._fences

    def counted_fences(frame: nw.LazyFrame[Any], column: str, width: float) -> tuple[float | None, float | None]:
        fenced.append(column)
        return fences(frame, column, width)

    monkeypatch.setattr(fit_rows, "_fences", counted_fences)
    for name in ("_complete_rows", "build_fit_filter", "build_fit_inputs"):
        counting(fit_inputs_module, name)
    monkeypatch.setattr(run_study_module, "build_fit_inputs", fit_inputs_module.build_fit_inputs)
    run(validated(engine, creators(150)), small_study(), engine)
    assert fenced == ["avg_engagement_rate", "comment_engagement_rate", "like_engagement_rate"]
    assert sorted(calls) == ["_complete_rows", "build_fit_filter", "build_fit_inputs"]


def test_in_fit_marks_exactly_the_rows_that_the_fit_saw(engine: DuckDBWarehouse) -> None:
    study = small_study(max_fit_rows=60)
    features = engine.persist(build_features(validated(engine, with_gaps()), "profiles"))
    sample = fit_inputs(features, study, engine, max_rows=120)
    assert sample.largest_key is not None
    seen = set(sample.collect(settings_of(study).features, engine)["account_id"])
    model = from_frame(fit_study(sample, engine)[0])
    assigned = pandas(assign_study(sample, model, engine), "account_id")
    assert set(assigned.loc[assigned["in_fit"], "account_id"]) == seen
    assert len(seen) == 60
