"""Stage 2: text becomes values, rows are judged, and nothing is dropped in silence.

Good rows go to ``validated.<source>``, the others to ``validated.rejected`` with every reason and their record.
"""
