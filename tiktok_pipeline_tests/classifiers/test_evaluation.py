"""All protocols: every table keeps its contract, with and without torch, on good and on poor rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import tiktok_pipeline.studies
from tiktok_pipeline.analysis.classification import classify_study, labeled_rows
from tiktok_pipeline.classifiers import network
from tiktok_pipeline.classifiers.evaluation import MISSING_TORCH, Evaluation, empty_evaluation, run_protocols
from tiktok_pipeline.classifiers.labels import Flags, NotEnoughRowsError
from tiktok_pipeline.classifiers.schema import (
    CARDS_SCHEMA,
    CONFUSION_SCHEMA,
    CURVES_SCHEMA,
    IMPORTANCES_SCHEMA,
    LEAKAGE_SCHEMA,
    METRICS_SCHEMA,
    MODELS_SCHEMA,
    SCORES_SCHEMA,
)
from tiktok_pipeline.features.build import build_features
from tiktok_pipeline.recipes.classification import Classification, FeatureSet, Label, ModelName, PublishedNetwork
from tiktok_pipeline.study import load_studies
from tiktok_pipeline.warehouse.duckdb.warehouse import DuckDBWarehouse
from tiktok_pipeline_tests.classifiers.invented import NETWORK, SMALL, classification, creators
from tiktok_pipeline_tests.features import frames

STUDIES = {study.name: study for study in load_studies(tiktok_pipeline.studies)}
SKLEARN_ONLY: tuple[ModelName, ...] = ("logistic_regression", "gradient_boosting", "dummy")


def top(rows: pd.DataFrame) -> Flags:
    flags: Flags = (rows["followers"] >= rows["followers"].quantile(0.8)).to_numpy()
    return flags


def evaluated(rows: pd.DataFrame | None = None, **changes: Any) -> Evaluation:
    """Without the network unless asked for: torch is an extra."""
    rows = creators(150)[0] if rows is None else rows
    whole = classification(**changes)
    if "sets" not in changes:
        whole = replace(whole, sets=(whole.sets[0], only(*SKLEARN_ONLY)))
    return run_protocols(rows, top(rows), whole, processes=1)


def only(*models: ModelName) -> FeatureSet:
    """The scoring set, judged by these models alone."""
    return replace(classification().sets[1], models=models)


def keeps_its_contracts(evaluation: Evaluation) -> None:
    for schema, frame in (
        (METRICS_SCHEMA, evaluation.metrics),
        (CONFUSION_SCHEMA, evaluation.confusion),
        (IMPORTANCES_SCHEMA, evaluation.importances),
        (CURVES_SCHEMA, evaluation.curves),
        (MODELS_SCHEMA, evaluation.models),
        (CARDS_SCHEMA, evaluation.cards),
        (SCORES_SCHEMA, evaluation.out_of_fold),
    ):
        assert len(schema.validate(frame)) == len(frame)


def keys(frame: pd.DataFrame) -> set[tuple[str, str, str]]:
    return set(frame[["model", "protocol", "feature_set"]].itertuples(index=False, name=None))


def card(evaluation: Evaluation) -> dict[str, str]:
    return dict(zip(evaluation.cards["item"], evaluation.cards["value"], strict=True))


@pytest.fixture(scope="module")
def usual() -> Evaluation:
    """An evaluation of good rows."""
    return evaluated()


def test_every_table_keeps_its_contract(usual: Evaluation) -> None:
    keeps_its_contracts(usual)
    judged = {("random_forest", "published", "published"), ("random_forest", "honest", "with_followers")}
    judged |= {(model, "honest", "leakage_free") for model in SKLEARN_ONLY}
    assert keys(usual.metrics) == keys(usual.confusion) == judged
    assert keys(usual.curves) == judged - {("dummy", "honest", "leakage_free")}


def test_every_confusion_counts_the_rows_it_was_judged_on(usual: Evaluation) -> None:
    counts = usual.confusion.groupby(["model", "protocol", "feature_set"])["profiles"].agg(["sum", "size"])
    assert set(counts["size"]) == {4}
    assert {key[1]: int(count) for key, count in counts["sum"].items()} == {"published": 30, "honest": 150}  # type: ignore[index]
    honest = usual.confusion[(usual.confusion["protocol"] == "honest") & usual.confusion["actual"]]
    assert set(honest.groupby(["model", "feature_set"])["profiles"].sum()) == {30}


def test_only_the_scoring_model_has_honest_importances(usual: Evaluation) -> None:
    found = usual.importances
    honest = found[found["protocol"] == "honest"]
    assert keys(honest) == {("logistic_regression", "honest", "leakage_free")}
    assert honest["feature"].tolist() == ["likes", "videos_count", "avg_engagement_rate"]
    assert honest["importance"].idxmax() == honest.index[0]


def test_mutual_information_is_of_every_feature_but_the_labels_own(usual: Evaluation) -> None:
    found = usual.importances[usual.importances["method"] == "mutual_information"]
    assert found["feature"].tolist() == ["likes", "videos_count", "avg_engagement_rate", "following"]
    assert (found["importance"] >= 0.0).all()
    assert found["importance"].idxmax() == found.index[0]


def test_every_account_is_scored_once_by_a_model_that_did_not_see_it(usual: Evaluation) -> None:
    rows, _ = creators(150)
    assert usual.out_of_fold["account_id"].tolist() == rows["account_id"].tolist()
    assert usual.out_of_fold["out_of_fold"].all()
    assert usual.model is not None
    seen = usual.model.score(rows[["likes", "videos_count", "avg_engagement_rate"]].to_numpy())
    assert not np.isclose(usual.out_of_fold["score"], seen, rtol=1e-6).any()


def test_the_card_says_what_was_learned_from_what(usual: Evaluation) -> None:
    facts = card(usual)
    assert facts["label"] == "top fifth"
    assert (facts["profiles"], facts["positives"]) == ("150", "30")
    assert "likes, videos_count, avg_engagement_rate" in facts["scoring_model"]
    assert facts["feature_set"] == "leakage_free: without followers"
    metrics = usual.metrics.query("model == 'logistic_regression' and metric == 'average_precision'").iloc[0]
    assert facts["average_precision"] == f"{metrics['value']:.3f} ± {metrics['std']:.3f} over 2 x 2 folds"
    assert len(facts["data_sha256"]) == 64
    assert {"version_of_scikit_learn", "version_of_numpy", "version_of_torch"} <= set(facts)
    assert "missing" not in facts


def test_the_digest_is_of_the_data_that_the_scoring_model_reads(usual: Evaluation) -> None:
    rows, _ = creators(150)
    digests = []
    for column in ("following", "likes"):
        changed = rows.copy()
        changed.loc[changed.index[0], column] += 1.0
        digests.append(card(evaluated(changed, sets=(only("logistic_regression"),)))["data_sha256"])
    assert digests[0] == card(usual)["data_sha256"] != digests[1]


def test_the_same_rows_give_the_same_tables(usual: Evaluation) -> None:
    again = evaluated()
    for name in ("metrics", "confusion", "importances", "curves", "models", "cards", "out_of_fold"):
        pd.testing.assert_frame_equal(getattr(again, name), getattr(usual, name), check_exact=True, obj=name)


def test_without_torch_the_others_are_judged_and_the_card_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, usual: Evaluation
) -> None:
    monkeypatch.setattr(network, "is_installed", lambda: False)
    whole = classification()
    found = evaluated(sets=whole.sets)
    pd.testing.assert_frame_equal(found.metrics, usual.metrics)
    assert card(found)["missing"] == MISSING_TORCH
    keeps_its_contracts(found)


def test_without_torch_a_published_network_is_missing_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "is_installed", lambda: False)
    found = evaluated(published=NETWORK, sets=classification().sets)
    assert {protocol for _, protocol, _ in keys(found.metrics)} == {"honest"}
    assert card(found)["missing"] == MISSING_TORCH
    assert found.model is not None
    keeps_its_contracts(found)


def test_the_network_is_judged_under_every_protocol() -> None:
    pytest.importorskip("torch")
    found = evaluated(published=NETWORK, sets=classification().sets)
    keeps_its_contracts(found)
    assert {key for key in keys(found.metrics) if key[0] == "neural_network"} == {
        ("neural_network", "published", "published"),
        ("neural_network", "mended", "published"),
        ("neural_network", "honest", "leakage_free"),
    }
    assert "missing" not in card(found)


def test_the_networks_settings_and_repeats_are_those_of_the_study(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    from tiktok_pipeline.classifiers import cross_validation as evaluate
    from tiktok_pipeline.classifiers import models

    seen: list[Any] = []
    fit = models.fit

    def spy(name: Any, *given: Any, **options: Any) -> Any:
        if name == "neural_network":
            seen.append(options["network"])
        return fit(name, *given, **options)

    monkeypatch.setattr(evaluate, "fit", spy)
    evaluated(published=NETWORK, sets=classification().sets)
    assert seen == [SMALL] * 2  # two folds, one repeat, where the others have two


@pytest.mark.parametrize(
    ("positives", "text"),
    [(0, "0 positive of 60"), (60, "0 negative of 60"), (9, "9 positive of 60"), (51, "9 negative of 60")],
)
def test_too_few_of_a_kind_are_refused(positives: int, text: str) -> None:
    rows, _ = creators(60)
    with pytest.raises(NotEnoughRowsError, match=f"^{text} labeled profiles, at least 10 needed$"):
        run_protocols(rows, np.arange(60) < positives, classification())


def test_no_row_at_all_is_refused() -> None:
    rows, labels = creators(60)
    with pytest.raises(NotEnoughRowsError, match="0 positive of 0"):
        run_protocols(rows[:0], labels[:0], classification())


def test_a_fold_for_each_row_of_a_kind_needs_as_many() -> None:
    rows, _ = creators(60)
    with pytest.raises(NotEnoughRowsError, match="11 positive of 60 labeled profiles, at least 12 needed"):
        run_protocols(rows, np.arange(60) % 60 < 11, classification(folds=12))


def test_as_few_as_allowed_are_judged() -> None:
    rows, _ = creators(30)
    labels = np.arange(30) % 3 == 0
    keeps_its_contracts(run_protocols(rows, labels, classification(sets=(only(*SKLEARN_ONLY),), folds=10, repeats=1)))


@pytest.mark.parametrize("value", [7.0, np.nan])
def test_a_constant_and_an_empty_column_are_no_obstacle(value: float) -> None:
    rows, _ = creators(150)
    found = evaluated(rows.assign(avg_engagement_rate=value, following=value))
    keeps_its_contracts(found)
    assert found.model is not None
    assert found.model.coefficients[2] == pytest.approx(0.0, abs=1e-9)
    information = found.importances[found.importances["method"] == "mutual_information"].set_index("feature")
    assert information.loc["following", "importance"] == pytest.approx(0.0, abs=0.02)


def test_rows_that_the_label_gives_away_are_learned_without_a_warning() -> None:
    rows, _ = creators(150)
    rows["likes"] = np.where(top(rows), 1e9, 1.0)
    found = evaluated(rows)
    keeps_its_contracts(found)
    assert found.out_of_fold["predicted"].tolist() == top(rows).tolist()
    assert found.model is not None
    matrix = rows[list(found.model.features)].to_numpy()
    assert ((found.model.score(matrix) >= found.model.threshold) == top(rows)).all()


def test_fewer_than_thirty_of_the_rarer_kind_are_judged_but_nobody_is_scored() -> None:
    rows, _ = creators(145)  # a fifth are 29
    found = evaluated(rows)
    keeps_its_contracts(found)
    assert len(found.metrics)
    assert found.model is None
    assert found.models.empty
    assert found.out_of_fold.empty
    assert card(found) == {
        "why_no_scores": "no scores: 29 of 145 labeled profiles are of the rarer class, at least 30 needed"
    }


def test_a_prediction_is_the_score_at_the_threshold_of_the_card(usual: Evaluation) -> None:
    """The thresholds of the folds differ: with them, equal scores had different predictions."""
    assert usual.model is not None
    expected = usual.out_of_fold["score"] >= usual.model.threshold
    assert usual.out_of_fold["predicted"].tolist() == expected.tolist()


def test_nothing_is_empty_tables_and_the_reason() -> None:
    found = empty_evaluation("0 positive of 3")
    keeps_its_contracts(found)
    assert card(found) == {"why_empty": "0 positive of 3"}
    for name in ("metrics", "confusion", "importances", "curves", "models", "out_of_fold"):
        assert getattr(found, name).empty, name
    assert found.model is None


def quick(name: str) -> Classification:
    """The classification of a real study with two folds, one repeat and a network that is trained in a blink."""
    whole = STUDIES[name].classification
    assert whole is not None
    recipe = whole.published
    if isinstance(recipe, PublishedNetwork):
        recipe = replace(recipe, network=SMALL)
    return replace(whole, published=recipe, folds=2, repeats=1, network_repeats=1)


def invented_features(engine: DuckDBWarehouse, count: int = 260, **changes: Any) -> Any:
    rows = [row | changes for row in frames.creators(count)]
    return engine.persist(build_features(frames.validated(engine, rows), "profiles"))


NO_RATES: dict[str, Any] = dict.fromkeys(("avg_engagement_rate", "comment_engagement_rate", "like_engagement_rate"))


@pytest.mark.parametrize("name", ["top_influencers", "active_creators"])
def test_each_real_study_runs_on_invented_profiles(engine: DuckDBWarehouse, name: str) -> None:
    evaluation, leakage = classify_study(invented_features(engine), quick(name), engine)
    keeps_its_contracts(evaluation)
    LEAKAGE_SCHEMA.validate(leakage)


def test_where_all_rates_are_missing_their_study_says_so_and_the_other_goes_on(engine: DuckDBWarehouse) -> None:
    features = invented_features(engine, **NO_RATES)
    with pytest.raises(NotEnoughRowsError, match=r"^avg_engagement_rate is missing$"):
        classify_study(features, quick("active_creators"), engine)
    evaluation, leakage = classify_study(features, quick("top_influencers"), engine)
    keeps_its_contracts(evaluation)
    assert LEAKAGE_SCHEMA.validate(leakage).query("kind == 'leak'")["feature"].tolist() == ["followers"]


def test_who_has_no_value_of_the_labels_feature_is_not_labeled(engine: DuckDBWarehouse) -> None:
    features = frames.features(
        engine, [{"followers": None if place % 3 == 0 else float(place), "likes": 1.0} for place in range(30)]
    )
    label = Label(name="top", feature="followers", top_share=0.25)
    recipe = replace(classification(), label=label)
    rows, labels = labeled_rows(features, recipe, engine)
    assert rows["followers"].tolist() == [float(place) for place in range(30) if place % 3]
    known = rows["followers"].to_numpy(dtype=np.float64)
    assert labels.tolist() == (known >= np.quantile(known, 0.75)).tolist()
    assert list(rows.columns) == ["account_id", *recipe.every_feature]


def test_above_its_bound_a_sample_is_judged_and_the_threshold_is_of_everybody(engine: DuckDBWarehouse) -> None:
    features = frames.features(engine, [{"followers": float(place)} for place in range(200)])
    rows, labels = labeled_rows(features, classification(max_rows=50), engine)
    assert len(rows) == len(labels) == 50
    assert labels.tolist() == (rows["followers"] >= np.quantile(np.arange(200), 0.8)).tolist()
