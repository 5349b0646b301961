"""Stage 3: the features that the studies compute with, one column for each feature in the catalog.

A feature is a formula over one validated row. Nothing here reads a second row, a file or a model to compute one.
"""
