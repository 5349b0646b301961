"""Translate between tables and asset keys (Dagster concept: asset key).

An asset is ``<stage>/<table>``, or ``<stage>/<study>/<node>`` for one study's part of a table. Dagster's asset graph
shows the last part of a key, so that part must tell the nodes of all studies apart.
"""

from __future__ import annotations

from collections import Counter

from dagster import AssetKey

from tiktok_pipeline.tables import TABLES, Table
from tiktok_pipeline.warehouse.base import Slice

_TIMES_NAMED = Counter(table.spec.name for table in TABLES.values() if "study" in table.spec.slice_by)
"""How many stages have a table of this name; ``models`` is in both ``clusters`` and ``classifiers``."""


def asset_key(table: str, study: str | None = None) -> AssetKey:
    """Return the asset key of a table, or of one study's part of it.

    Parameters
    ----------
    table : str
        Name of the table with its schema, such as ``clusters.models``.
    study : str, optional
        Name of the study, for a table that is sliced by study.

    Examples
    --------
    >>> asset_key("features.profiles").to_user_string()
    'features/profiles'
    >>> asset_key("clusters.k_scores", "user_segments").to_user_string()
    'clusters/user_segments/user_segments_k_scores'
    >>> asset_key("clusters.models", "user_segments").to_user_string()
    'clusters/user_segments/user_segments_clusters_models'
    """
    schema, name = table.split(".")
    if study is None:
        return AssetKey([schema, name])
    node = f"{schema}_{name}" if _TIMES_NAMED[name] > 1 else name
    return AssetKey([schema, study, f"{study}_{node}"])


def table_of(key: AssetKey) -> Table:
    """Return the table behind an asset key.

    Raises
    ------
    KeyError
        If the asset is not a table.
    """
    schema, node = key.path[0], key.path[-1]
    name = node.removeprefix(f"{key.path[1]}_").removeprefix(f"{schema}_") if len(key.path) == 3 else node
    return TABLES[f"{schema}.{name}"]


def readable_name(key: AssetKey) -> str:
    """Return the name of an asset in a message.

    Examples
    --------
    >>> readable_name(asset_key("clusters.fits", "user_segments")), readable_name(AssetKey("published"))
    ('clusters.fits (user_segments)', 'published')
    """
    try:
        table = table_of(key)
    except KeyError:
        return ".".join(key.path)
    return f"{table.spec} ({key.path[1]})" if "study" in table.spec.slice_by else str(table.spec)


def slice_of(table: Table, key: AssetKey, snapshot: str) -> Slice:
    """Return the slice of a table that an asset stores for one snapshot."""
    values = {"snapshot": snapshot, "study": key.path[1]}
    return {name: values[name] for name in table.spec.slice_by}
