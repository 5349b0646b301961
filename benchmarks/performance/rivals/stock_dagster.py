"""The study with stock Dagster: an asset for each table, dagster-duckdb-pandas, the multiprocess executor.

The assets have the names of the pipeline and compute the same as far as a plain file allows: raw, validated and
rejected rows, features, statistics, the sweep over k, the model, its stability, assignments, personas,
recommendations and a published file. There are no checks, figures or report. Run it with
`dagster asset materialize --select "*" -m benchmarks.performance.rivals.stock_dagster`; ``SCRAPE`` names the file and
``STORE`` the database. Annotations are not postponed here, because Dagster reads them.
"""

import os
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
from dagster import AssetKey, AssetOut, Definitions, asset, multi_asset, multiprocess_executor
from dagster_duckdb_pandas import DuckDBPandasIOManager
from sklearn.cluster import KMeans
from sklearn.preprocessing import StandardScaler

from benchmarks.performance.rivals.recipe import COUNTS, FEATURES, FIT_ROWS, RATES, SEED, WIDTH, K, sweep

DRAWS = 100
"""Bootstrap draws of the trust, as many as ours."""


def _scrape() -> str:
    return os.environ["SCRAPE"]


@asset(key_prefix="raw")
def raw_profiles() -> pd.DataFrame:
    """The delivered cells, as text."""
    rows = pd.read_parquet(_scrape()).rename(columns=RATES).astype("string")
    return rows.assign(source_file=Path(_scrape()).name, source_row=range(1, len(rows) + 1))


@multi_asset(outs={"profiles": AssetOut(key_prefix="validated"), "rejected": AssetOut(key_prefix="validated")})
def validated(raw_profiles: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Typed rows, and those that break a rule or repeat an account."""
    rows = raw_profiles.copy()
    reasons = pd.Series("", index=rows.index)
    for name in (*RATES.values(), *COUNTS):
        number = pd.to_numeric(rows[name], errors="coerce").astype("float64")
        reasons[(number < 0) | (number.isna() & rows[name].notna() & (rows[name].str.strip() != ""))] += f"{name};"
        rows[name] = number
    for name in COUNTS:
        reasons[rows[name].isna()] += f"{name} missing;"
    rows["account_id"] = rows["account_id"].str.strip().str.removeprefix("@")
    reasons[~rows["account_id"].fillna("").str.match(r"^[^@/\\\s]{1,64}$")] += "account_id;"
    rows["is_verified"] = rows["is_verified"].str.lower().isin(["true", "t", "yes", "1"])
    reasons[(reasons == "") & rows[reasons == ""].duplicated("account_id", keep="last")] += "duplicate;"
    good = rows[reasons == ""]
    bad = raw_profiles[reasons != ""].assign(reasons=reasons[reasons != ""])
    return good, bad[["source_file", "source_row", "account_id", "reasons"]]


@asset(key_prefix="features")
def features(profiles: pd.DataFrame) -> pd.DataFrame:
    """Numbers of each profile."""
    made = profiles[["account_id", "source_file", "source_row"]].copy()
    for name in FEATURES:
        made[name] = profiles[name].astype("float64")
    for name in COUNTS:
        made[f"log_{name}"] = np.log1p(made[name])
    made["likes_per_video"] = made["likes"] / made["videos_count"].replace(0, np.nan)
    made["likes_per_follower"] = made["likes"] / made["followers"].replace(0, np.nan)
    made["biography_length"] = profiles["biography"].fillna("").str.len()
    made["has_bio_link"] = profiles["bio_link"].notna().astype("float64")
    return made


@asset(key_prefix="features")
def statistics(features: pd.DataFrame) -> pd.DataFrame:
    """How each feature is distributed, and how pairs go together."""
    numbers = features.select_dtypes("number").drop(columns="source_row")
    described = numbers.describe().T.assign(skewness=numbers.skew()).reset_index(names="feature")
    pairs = {method: numbers.corr(method=method).stack() for method in ("pearson", "spearman")}  # noqa: PD013
    correlated = pd.DataFrame(pairs).reset_index(names=["feature", "other_feature"])
    return pd.concat([described, correlated], ignore_index=True)


def _inside(rows: pd.DataFrame) -> pd.DataFrame:
    kept = rows.dropna(subset=list(FEATURES))
    for name in RATES.values():
        low, high = kept[name].quantile([0.25, 0.75])
        kept = kept[kept[name].between(low - WIDTH * (high - low), high + WIDTH * (high - low))]
    return kept


@asset(key_prefix="clusters")
def k_scores(features: pd.DataFrame) -> pd.DataFrame:
    """Each number of clusters."""
    columns = ["k", "inertia", "silhouette", "calinski_harabasz", "davies_bouldin"]
    return pd.DataFrame(sweep(_inside(features)[list(FEATURES)].to_numpy()), columns=columns)


@asset(key_prefix="clusters")
def models(features: pd.DataFrame) -> pd.DataFrame:
    """The scaler and the centroids, as rows."""
    rows = _inside(features)[list(FEATURES)].to_numpy()[:FIT_ROWS]
    scaler = StandardScaler().fit(rows)
    fitted = KMeans(K, n_init=1, random_state=SEED).fit(scaler.transform(rows))
    return pd.DataFrame(
        [
            (cluster, name, scaler.mean_[place], scaler.scale_[place], fitted.cluster_centers_[cluster, place])
            for cluster in range(K)
            for place, name in enumerate(FEATURES)
        ],
        columns=["cluster", "feature", "center", "scale", "centroid"],
    )


def _nearest(rows: pd.DataFrame, models: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    first = models[models["cluster"] == 0].set_index("feature").loc[list(FEATURES)]
    scaled = (rows[list(FEATURES)].to_numpy() - first["center"].to_numpy()) / first["scale"].to_numpy()
    centroids = models.pivot_table(index="cluster", columns="feature", values="centroid")[list(FEATURES)].to_numpy()
    return scaled, np.sqrt(((scaled[:, None, :] - centroids[None]) ** 2).sum(axis=2))


@asset(key_prefix="clusters")
def stability(features: pd.DataFrame, models: pd.DataFrame) -> pd.DataFrame:
    """The bootstrap Jaccard of each cluster."""
    scaled, distances = _nearest(_inside(features).head(5_000), models)
    labels, generator = distances.argmin(axis=1), np.random.default_rng(SEED)
    found = []
    for draw in range(DRAWS):
        rows = generator.integers(0, len(scaled), len(scaled))
        fitted = KMeans(K, n_init=1, random_state=SEED + draw).fit(scaled[rows])
        kept, first = np.unique(rows, return_index=True)
        table = pd.crosstab(labels[kept], fitted.labels_[first]).to_numpy()
        together = table.sum(axis=1, keepdims=True) + table.sum(axis=0, keepdims=True) - table
        found.append((table / together).max(axis=1))
    return pd.DataFrame(found).mean().rename("jaccard").rename_axis("cluster").reset_index()


@asset(key_prefix="clusters")
def assignments(features: pd.DataFrame, models: pd.DataFrame) -> pd.DataFrame:
    """A segment for every profile, with distance and margin."""
    _, distances = _nearest(features.fillna(dict.fromkeys(FEATURES, 0.0)), models)
    ordered = np.sort(distances, axis=1)
    return pd.DataFrame(
        {
            "account_id": features["account_id"],
            "cluster": distances.argmin(axis=1),
            "distance": ordered[:, 0],
            "margin": 1.0 - ordered[:, 0] / ordered[:, 1],
            "in_fit": features["account_id"].isin(_inside(features)["account_id"]),
        }
    )


@asset(key_prefix="personas")
def summaries(features: pd.DataFrame, assignments: pd.DataFrame, stability: pd.DataFrame) -> pd.DataFrame:
    """Sizes, means and medians of each segment."""
    rows = features.merge(assignments, on="account_id")
    found = rows.groupby("cluster")[list(FEATURES)].agg(["size", "mean", "median"])
    found.columns = ["_".join(column) for column in found.columns]
    return found.reset_index().merge(stability, on="cluster", how="left")


@asset(key_prefix="personas")
def recommendations(summaries: pd.DataFrame) -> pd.DataFrame:
    """The advice for each segment."""
    return summaries[["cluster"]].assign(recommendation="Look at some of its creators before you act on it.")


@asset(deps=[summaries, recommendations, k_scores, statistics, AssetKey(["validated", "rejected"])])
def published() -> pd.DataFrame:
    """A copy for readers."""
    target = Path(os.environ["STORE"]).with_name("published.duckdb")
    target.unlink(missing_ok=True)
    with duckdb.connect(str(target)) as copy:
        copy.execute(f"attach '{os.environ['STORE']}' as store (read_only)")
        copy.execute(
            "create table segments as select * from store.clusters.assignments "
            "join store.validated.profiles using (account_id)"
        )
    return pd.DataFrame({"path": [str(target)]})


defs = Definitions(
    assets=[
        *(raw_profiles, validated, features, statistics, k_scores, models, stability, assignments, summaries),
        *(recommendations, published),
    ],
    resources={"io_manager": DuckDBPandasIOManager(database=os.environ.get("STORE", "store.duckdb"))},
    executor=multiprocess_executor,
)
