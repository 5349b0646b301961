"""Holds all of Dagster: partitions, assets, checks, storage of tables, and how a file becomes a snapshot.

No formula and no SQL belongs here: an asset names its inputs, calls a pure function of a stage and attaches metadata.
"""
