"""The format of numbers, rates and dates: a property of a column of a file, found from all its cells.

The order of use: `evidence.evidence_expressions` in the aggregate pass of registration, `detect.detect_formats` from
its result, and `canonical.canonical_cells` as the first step of validation.
"""
