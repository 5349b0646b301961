"""Stage 2: parse text into typed values, validate each row, drop nothing.

Valid rows go to ``validated.<source>``. All others go to ``validated.rejected``, with every reason and the record.
"""
