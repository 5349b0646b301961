"""Stage 1: the delivered rows. Every cell is text; every row has its file and its position in that file.

This stage only maps columns to canonical names. `tiktok_pipeline.validated` parses the text.
"""
