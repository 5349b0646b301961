"""Dagster assets: one file for each stage, one for the assets of a study. Each asset calls a function of its stage.

No formula, no SQL and no plot is written here; an asset reads tables, calls one function and attaches metadata.
"""
