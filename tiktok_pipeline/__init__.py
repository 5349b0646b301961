r"""Turns scrapes of TikTok profiles into segment tables that one can trust.

The way of the data is the list of folders, in this order::

    raw -> validated -> features -> clusters -> personas -> creators
                              \---> classifiers

One word means one thing in four places: the folder of a stage, the first part of its asset keys, its
schema in DuckDB and its folder of tests. Importing this package loads neither Dagster nor DuckDB.
"""

import warnings

# pandera imports pyspark where it is installed, which then warns of this program's pandas in every command.
warnings.filterwarnings("ignore", message="PySpark does not yet fully support pandas", category=FutureWarning)

STAGES: tuple[str, ...] = ("raw", "validated", "features", "clusters", "personas", "classifiers", "creators")
"""The stages in the order in which the data pass them; a test holds folders, keys and schemas to it."""
