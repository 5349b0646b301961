"""Stage 3: what the studies compute with, one column for each catalogued feature.

A feature is a formula over one validated row: nothing here looks at a second row, a file or a model.
"""
