"""The leakage audit: it finds what gives a label away, names pairs, and finds nothing where there is nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from tiktok_pipeline.classifiers.labels import Flags
from tiktok_pipeline.classifiers.leakage import audit, average_precision_without
from tiktok_pipeline.classifiers.models import logged_regression
from tiktok_pipeline.classifiers.schema import LEAKAGE_SCHEMA
from tiktok_pipeline_tests.classifiers.invented import creators
from tiktok_pipeline_tests.hypothesis_profiles import examples

PUBLISHED = ("followers", "comment_engagement_rate", "like_engagement_rate", "videos_count")


def found(
    rows: pd.DataFrame, labels: Flags, published: tuple[str, ...] = PUBLISHED, audited: tuple[str, ...] = ()
) -> pd.DataFrame:
    frame = audit(rows, labels, published=published, audited=audited, random_state=1)
    assert len(LEAKAGE_SCHEMA.validate(frame)) == len(frame)
    assert frame["best_f1"].is_monotonic_decreasing
    return frame


def kinds(frame: pd.DataFrame) -> dict[str, str]:
    """Kind by feature, without the rows of pairs."""
    return dict(frame.loc[frame["other_feature"] == "", ["feature", "kind"]].itertuples(index=False, name=None))


def words(frame: pd.DataFrame, feature: str) -> str:
    verdicts = frame.loc[(frame["feature"] == feature) & (frame["other_feature"] == ""), "verdict"]
    assert len(verdicts) == 1
    return str(verdicts.iloc[0])


@pytest.mark.parametrize("upper", [True, False])
def test_a_label_that_is_a_threshold_on_a_feature_is_a_leak(upper: bool) -> None:
    rows, _ = creators(300)
    labels = ((rows["followers"] >= rows["followers"].quantile(0.8)) == upper).to_numpy()
    frame = found(rows, labels)
    assert kinds(frame) == {name: "leak" if name == "followers" else "clear" for name in PUBLISHED}
    first = frame.iloc[0]
    assert (first["feature"], first["single_feature_auc"], first["best_f1"]) == ("followers", 1.0, 1.0)
    assert first["verdict"] == (
        "Leak: a threshold on it alone is the label (F1 1.000): a model that uses it recovers its own target."
    )


def test_nearly_the_label_is_a_leak_and_is_called_so() -> None:
    rows, _ = creators(300)
    labels = (rows["followers"] >= rows["followers"].quantile(0.7)).to_numpy().copy()
    labels[np.flatnonzero(labels)[:2]] = False
    frame = found(rows, labels)
    assert kinds(frame)["followers"] == "leak"
    assert words(frame, "followers").startswith("Leak: a threshold on it alone is nearly the label (F1 0.9")


def test_a_label_that_is_a_threshold_on_a_sum_names_both_with_each_other() -> None:
    rows, _ = creators(300)
    total = rows["comment_engagement_rate"] + rows["like_engagement_rate"]
    frame = found(rows, (total > total.median()).to_numpy())
    assert kinds(frame) == {
        "followers": "clear",
        "comment_engagement_rate": "leak",
        "like_engagement_rate": "leak",
        "videos_count": "clear",
    }
    pair = frame[frame["other_feature"] != ""].iloc[0]
    assert (pair["feature"], pair["other_feature"]) == ("comment_engagement_rate", "like_engagement_rate")
    assert (pair["kind"], pair["best_f1"], pair["single_feature_auc"]) == ("leak", 1.0, 1.0)
    assert pair["is_published"]
    assert np.isnan(pair["ap_without"])
    assert pair["verdict"] == (
        "Leak: a threshold on comment_engagement_rate + like_engagement_rate is the label (F1 1.000)."
    )
    assert words(frame, "comment_engagement_rate").startswith(
        "Leak: together with like_engagement_rate it is the label; alone a threshold on it reaches F1 0."
    )
    assert words(frame, "like_engagement_rate").startswith("Leak: together with comment_engagement_rate it is")


def test_what_is_the_label_alone_is_not_told_of_as_a_pair() -> None:
    rows, _ = creators(300)
    rows["videos_count"] = 0.0  # adds nothing, so that the sum is a threshold, too
    labels = (rows["followers"] >= rows["followers"].quantile(0.8)).to_numpy()
    frame = found(rows, labels)
    assert (frame["other_feature"] == "").all()
    assert kinds(frame)["videos_count"] == "clear"


def test_only_published_inputs_are_looked_at_in_pairs() -> None:
    rows, _ = creators(300)
    total = rows["comment_engagement_rate"] + rows["like_engagement_rate"]
    frame = found(
        rows,
        (total > total.median()).to_numpy(),
        published=("followers", "comment_engagement_rate"),
        audited=("like_engagement_rate",),
    )
    assert (frame["other_feature"] == "").all()


def test_close_to_the_label_under_another_name_is_a_quasi_label() -> None:
    rows, _ = creators(400)
    random = np.random.default_rng(4)
    labels = (rows["followers"] >= rows["followers"].quantile(0.7)).to_numpy()
    rows["likes"] = np.exp(np.log(rows["followers"]) + random.normal(0, 0.5, 400))
    frame = found(rows, labels, published=("likes", "videos_count"), audited=("following",))
    assert kinds(frame) == {"likes": "quasi_label", "videos_count": "clear", "following": "clear"}
    f1 = frame["best_f1"].iloc[0]
    guessing = 2 * 0.3 / 1.3
    assert guessing + 0.4 * (1 - guessing) <= f1 < 0.95
    assert words(frame, "likes").startswith(
        f"Quasi-label: a threshold on it alone reaches F1 {f1:.3f} (guessing: {guessing:.3f}); "
        "close to the label under another name."
    )


def test_a_label_that_does_not_leak_is_clear() -> None:
    rows, labels = creators(400)
    frame = found(rows, labels, published=("videos_count", "following"), audited=("is_verified",))
    assert set(kinds(frame).values()) == {"clear"}
    assert set(frame["verdict"]) == {"No sign that it gives the label away."}
    assert (frame["other_feature"] == "").all()


def test_how_well_a_feature_ranks_alone_whichever_way_round() -> None:
    rows, labels = creators(200)
    frame = found(rows, labels).set_index("feature")
    for name in PUBLISHED:
        auc = roc_auc_score(labels, rows[name])
        assert frame.loc[name, "single_feature_auc"] == pytest.approx(max(auc, 1 - auc))
    turned = found(rows, ~labels).set_index("feature")["single_feature_auc"]
    pd.testing.assert_series_equal(turned.sort_index(), frame["single_feature_auc"].sort_index())


def test_what_the_reference_model_loses_without_a_feature_is_that_of_scikit_learn() -> None:
    rows, labels = creators(200)
    frame = found(rows, labels, audited=("following", "followers")).set_index("feature")
    cut = StratifiedKFold(5, shuffle=True, random_state=1)
    for name in PUBLISHED:
        rest = rows[[other for other in PUBLISHED if other != name]].to_numpy()
        scores = cross_val_predict(logged_regression(), rest, labels, cv=cut, method="predict_proba")[:, 1]
        assert frame.loc[name, "ap_without"] == pytest.approx(average_precision_score(labels, scores))
    assert pd.isna(frame["ap_without"]["following"])
    assert frame["is_published"].to_dict() == {**dict.fromkeys(PUBLISHED, True), "following": False}


def test_without_its_only_feature_no_model_is_left() -> None:
    rows, labels = creators(60)
    assert average_precision_without(rows[["likes"]].to_numpy(), labels, random_state=0) == [None]
    assert np.isnan(found(rows, labels, published=("likes",))["ap_without"].iloc[0])


def test_missing_values_are_the_median_and_empty_and_constant_columns_say_nothing() -> None:
    rows, labels = creators(200)
    rows["comment_engagement_rate"] = np.nan
    rows["like_engagement_rate"] = 3.0
    rows["followers"] = rows["followers"].mask(rows.index % 3 == 0)
    frame = found(rows, labels).set_index("feature")
    guessing = 2 * labels.mean() / (1 + labels.mean())
    for name in ("comment_engagement_rate", "like_engagement_rate"):
        assert frame.loc[name, "single_feature_auc"] == 0.5
        assert frame.loc[name, "best_f1"] == pytest.approx(guessing)
        assert frame.loc[name, "kind"] == "clear"
    filled = rows["followers"].fillna(rows["followers"].median())
    auc = roc_auc_score(labels, filled)
    assert frame.loc["followers", "single_feature_auc"] == pytest.approx(max(auc, 1 - auc))


@settings(
    max_examples=examples(20), deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate]
)  # shrinking takes minutes
@given(
    seed=st.integers(0, 2**32 - 1),
    rows=st.integers(200, 400),
    share=st.sampled_from([0.05, 0.1, 0.3, 0.5, 0.7, 0.9, 0.95]),
)
def test_labels_in_any_order_are_never_given_away(seed: int, rows: int, share: float) -> None:
    features, _ = creators(rows, random_state=seed)
    labels = np.random.default_rng(seed).permutation(np.arange(rows) < max(10, round(rows * share)))
    assert "leak" not in set(found(features, labels)["kind"])


@pytest.mark.parametrize(
    ("combination", "verdict"),
    [
        ("sum", "Leak: a threshold on comment_engagement_rate + like_engagement_rate is the label"),
        ("difference", "Leak: a threshold on comment_engagement_rate \u2212 like_engagement_rate is the label"),
        ("product", "Leak: a threshold on comment_engagement_rate \u00d7 like_engagement_rate is the label"),
        ("ratio", "Leak: a threshold on comment_engagement_rate / like_engagement_rate is the label"),
    ],
)
@pytest.mark.parametrize("share", [0.05, 0.5, 0.95])
def test_what_defines_the_label_is_found_at_every_share_of_positives(
    combination: str, verdict: str, share: float
) -> None:
    rows, _ = creators(300)
    first, second = rows["comment_engagement_rate"], rows["like_engagement_rate"]
    behind = {"sum": first + second, "difference": first - second, "product": first * second, "ratio": first / second}
    rows["behind"] = behind[combination]
    labels = (rows["behind"] >= rows["behind"].quantile(1 - share)).to_numpy()
    frame = audit(rows, labels, published=PUBLISHED, audited=(), random_state=1, behind_label="behind")
    pair = frame[(frame["combination"] == combination) & (frame["kind"] == "leak")]
    assert pair[["feature", "other_feature"]].to_numpy().tolist() == [
        ["comment_engagement_rate", "like_engagement_rate"]
    ]
    assert pair["verdict"].iloc[0].startswith(verdict)


@pytest.mark.parametrize("share", [0.02, 0.5])
def test_a_feature_that_ranks_as_the_label_does_is_a_quasi_label_at_every_share(share: float) -> None:
    rows, _ = creators(400)
    rows["likes"] = rows["followers"] * np.exp(np.random.default_rng(4).normal(0, 0.4, 400))
    labels = (rows["followers"] >= rows["followers"].quantile(1 - share)).to_numpy()
    frame = audit(
        rows, labels, published=("likes", "videos_count"), audited=(), random_state=1, behind_label="followers"
    )
    assert kinds(frame) == {"likes": "quasi_label", "videos_count": "clear"}
    assert "It ranks creators nearly as the label does (rank correlation 0.9" in words(frame, "likes")
