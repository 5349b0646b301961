"""Hand-made tables of a snapshot with hostile texts, for the tests of the report."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd

from tiktok_pipeline.reports.snapshot_tables import RowCounts, ShortlistTables, SnapshotTables, StudyTables

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "{{7*7}}",
    "{% raw %}",
    "\u202eturned",
    "a\u2066b\u200fc",
    '=HYPERLINK("http://x")',
    "javascript:alert(1)",
    "x" * 10_000,
    "nul\x00l \x1b[31m \x85",
    "</bdi></table></style><style>*{display:none}",
    "two\r\nlines",
]
SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 72 40" role="img" aria-label="Bars"><defs>'
    '<linearGradient id="g"><stop offset="0" stop-color="#0072B2"/></linearGradient></defs>'
    '<rect width="50" height="20" fill="url(#g)"/><text x="1" y="30">Bars</text></svg>'
)
PERSONAS = {
    "Large & Loud": "stable",
    "Quiet": "pattern",
    "Two <b>Stars</b>": "too small",
    "Not enough data": "no segment",
}


def summaries() -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "cluster": None if verdict == "no segment" else index,
                "persona": name,
                "profiles": 12_000 - 3_000 * index,
                "profiles_in_fit": 11_000 - 3_000 * index,
                "share": 0.4 - 0.1 * index,
                "verdict": verdict,
                "description": f"description {index}",
                "strategic_value": f"value {index}",
                "recommendation": f"advice {index}",
                "match_distance": 0.1,
            }
            for index, (name, verdict) in enumerate(PERSONAS.items())
        ]
    ).astype({"cluster": "Int64"})


def persona_features() -> pd.DataFrame:
    rows = [
        ("fitted", "followers", 83_423.0, 3.2),
        ("fitted", "log_followers", 11.0, 9.0),
        ("fitted", "avg_engagement_rate", 0.021, -0.7),
        ("fitted", "like_engagement_rate", 0.02, -0.9),
        ("fitted", "is_verified", 0.0, -1.0),
        ("fitted", "videos_count", 670.0, 0.44),
        ("fitted", "following", 10.0, None),
        ("all", "followers", 1.0, 99.0),
    ]
    frame = pd.DataFrame(rows, columns=["base", "feature", "median", "relative_median"])
    means = (frame["feature"] != "is_verified").astype(float)
    return frame.assign(persona="Large & Loud", mean=means, relative_importance=-0.8)


def creators(names: list[str]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "account_id": names,
            "nickname": names[::-1],
            "biography": names,
            "followers": 1_234_567,
            "avg_engagement_rate": 0.0123,
            "likes": 98_765,
            "videos_count": 12,
            "is_verified": [None, *[True] * (len(names) - 1)],
            "margin": 0.25,
        }
    )


def shortlist(**changes: Any) -> ShortlistTables:
    """Return a shortlist of two segments; the first creator has a handle that no profile can have."""
    shared: dict[str, Any] = {
        "follower_tier": "micro",
        "avg_engagement_rate_usual": 0.036,
        "likes_per_video": 2_345.6,
        "likes_per_video_percentile": 0.97,
        "scraped_videos": 20,
        "activity": "posting",
        "days_since_last_post": 3.0,
        "runner_up": "Quiet",
    }
    rows = [
        (HOSTILE[0], HOSTILE[1], 36_000, 0.084, 2.34, 0.12, 0.5, "few comments", "response", "Large & Loud"),
        ("some.creator", HOSTILE[5], 12_000, 0.05, 1.4, None, 0.05, "", "response", "Large & Loud"),
        ("other.creator", None, 3_600_000, 0.01, 1.1, 0.01, 0.4, "", "reach", "Quiet"),
    ]
    names = ["account_id", "nickname", "followers", "avg_engagement_rate", "times_expected", "growth_30_days"]
    names += ["margin", "unusual", "ranked_by", "segment"]
    creators = pd.DataFrame(rows, columns=names).assign(**shared)
    full = ShortlistTables(min_followers=1_000.0, profiles=12_000, known=12_000, large=9_000, creators=creators)
    return replace(full, **changes)


def benchmarks() -> pd.DataFrame:
    rows = [
        ("tier", "nano", "followers", "avg_engagement_rate", 3_600, 0.015, 0.049, 0.15, 0.48),
        ("tier", "below nano", "followers", "avg_engagement_rate", 425, 0.05, 0.17, 0.62, 1.79),
        ("tier", "nano", "views", "engagement_by_plays", 41, 0.02, 0.05, 0.08, 0.1),
        ("tier", "nano", "counts", "likes_per_video", 3_600, 10.0, 200.0, 3_600.0, 9_000.0),
        ("region", "DE", "followers", "avg_engagement_rate", 99, 0.1, 0.2, 0.3, 0.4),
    ]
    names = ["grouping", "group_name", "basis", "figure", "creators", "p25", "median", "p75", "p90"]
    return pd.DataFrame(rows, columns=names)


def metrics() -> pd.DataFrame:
    rows = [
        ("random_forest", "published", "published", "average_precision", 0.981, None),
        ("random_forest", "mended", "published", "average_precision", 0.972, None),
        ("random_forest", "honest", "everything", "average_precision", 0.961, 0.012),
        ("logistic_regression", "honest", "without_leaks", "average_precision", 0.421, 0.034),
        ("dummy", "honest", "without_leaks", "average_precision", 0.052, 0.001),
        ("logistic_regression", "honest", "without_leaks", "f1_tuned", 0.5, None),
    ]
    frame = pd.DataFrame(rows, columns=["model", "protocol", "feature_set", "metric", "value", "std"])
    return frame.assign(std_of_repeats=frame["std"].where(frame["model"] != "logistic_regression", 0.004))


def classifier() -> dict[str, Any]:
    """Return the tables of a study with a classifier."""
    run = {"model": "random_forest", "protocol": "published", "feature_set": "published"}
    cells = [(True, True, 31), (True, False, 7), (False, True, 5), (False, False, 1_957)]
    leak = {"feature": "total_engagement", "other_feature": "", "is_published": True, "single_feature_auc": 1.0}
    return {
        "metrics": metrics(),
        "confusion": pd.DataFrame([{**run, "actual": a, "predicted": p, "profiles": n} for a, p, n in cells]),
        "importances": pd.DataFrame(
            [{**run, "feature": "likes", "method": "impurity", "importance": 0.4, "std": None}]
        ),
        "leakage": pd.DataFrame(
            [
                {
                    **leak,
                    "best_f1": 1.0,
                    "ap_without": None,
                    "kind": "leak",
                    "verdict": "The label can be read off it.",
                }
            ]
        ),
        "feature_sets": pd.DataFrame(
            {
                "feature_set": ["everything", "without_leaks"],
                "gives_label_away": [True, False],
                "why": ["It holds total_engagement.", "Nothing was found."],
                "headline_model": [None, "logistic_regression"],
            }
        ),
        "cards": pd.DataFrame({"item": ["label", "missing"], "value": ["the top 5 %", "no outcome of a campaign"]}),
        "top_scores": creators(["first", "second"]).assign(score=[0.97, 0.5])[
            ["account_id", "nickname", "followers", "avg_engagement_rate", "score"]
        ],
    }


def study_tables(name: str = "balanced_segments", **changes: Any) -> StudyTables:
    full = StudyTables(
        name=name,
        question="Which segments are there?",
        published_in="our own",
        notes="First paragraph\nwith ``code < 1``.\n\nSecond paragraph.",
        source="profiles",
        summaries=summaries(),
        persona_features=persona_features(),
        rules=pd.DataFrame(
            {
                "rule": ["followers at most 100", "followers above 100"],
                "persona": ["Quiet", "Large & Loud"],
                "profiles": [10, 20],
                "share_right": [0.9, 0.8],
                "fidelity": 0.85,
                "fidelity_uncertain": 0.55,
            }
        ),
        recommendations=pd.DataFrame(
            {"persona": ["", "Quiet"], "recommendation": ["advice for the whole", "advice 1"]}
        ),
        typical={persona: creators(HOSTILE) for persona in list(PERSONAS)[:2]},
        k_scores=pd.DataFrame(
            {
                "k": [2, 3, 4],
                "inertia": [3_038.31, 2_253.08, 1_892.23],
                "silhouette": [0.41, 0.32, None],
                "calinski_harabasz": 1_504.7,
                "davies_bouldin": 0.9,
                "is_elbow": [False, True, False],
                "is_best_silhouette": [True, False, False],
                "is_chosen": [False, False, True],
                "reason": "The study takes k = 4; the others ask different questions.",
            }
        ),
        fits=pd.DataFrame(
            [
                ("rows", 12_000.0),
                ("rows_in_fit", 11_000.0),
                ("silhouette", 0.31),
                ("eta_squared_log_followers", 0.755),
                ("eta_squared_followers", 0.755),
                ("eta_squared_log_engagement_percent", 0.63),
                ("eta_squared_avg_engagement_rate", 0.63),
                ("eta_squared_likes", None),
            ],
            columns=["statistic", "value"],
        ),
        continuity=pd.DataFrame(
            {"earlier_snapshot": "2024-03-01", "is_regime_change": True, "earlier_cluster": [0, 1, None]}
        ),
        stability=pd.DataFrame(
            {
                "cluster": [0, 1],
                "jaccard": [0.91, 0.63],
                "standard_error": [0.01, 0.01],
                "share_dissolved": [0.0, 0.2],
                "share_recovered": [1.0, 0.3],
                "jaccard_cold": [0.9, 0.62],
                "share_of_draws": 1.0,
                "silhouette": [0.4, -0.1],
                "profiles": [11_000, 8_000],
                "verdict": ["stable", "pattern"],
            }
        ),
        stability_runs=pd.DataFrame(
            {"measure": "adjusted_rand_index", "k": 4, "seed": [1, 2], "value": [0.92, 0.98]}
        ),
        figures={"followers_and_engagement": SVG, "unknown_figure": SVG},
        skipped_reasons=["One part took too long."],
    )
    return replace(full, **changes)


def snapshot_tables(**changes: Any) -> SnapshotTables:
    full = SnapshotTables(
        snapshot="2024-04-29",
        made_by="tiktok_pipeline 9.8.7",
        files=pd.DataFrame(
            {
                "file": ["<b>scrape</b>.csv"],
                "source": "profiles",
                "dialect": "plain",
                "rows": 12_020,
                "delivered_sha256": "ab" * 32,
            }
        ),
        row_counts={"profiles": RowCounts(delivered=12_020, valid=12_000, rejected=20)},
        rejected_reasons=pd.DataFrame(
            {"source": "profiles", "reason": ["followers: <script>alert(2)</script>", "likes: \u202e9"], "rows": 10}
        ),
        statistics=pd.DataFrame(
            [
                ("profiles", "followers", "", "rows", 12_000.0),
                ("profiles", "followers", "", "median", 4_321.0),
                ("profiles", "followers", "likes", "pearson", 0.7),
            ],
            columns=["source", "feature", "other_feature", "statistic", "value"],
        ),
        figures={"engagement": SVG},
        shortlist=shortlist(),
        benchmarks=benchmarks(),
        studies=[
            study_tables(),
            study_tables(
                "top_influencers", typical={}, skipped_reasons=(), leaking_sets=["published"], **classifier()
            ),
        ],
    )
    return replace(full, **changes)
