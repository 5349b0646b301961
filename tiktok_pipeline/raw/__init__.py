"""Stage 1: what was delivered, cell by cell as text, each row with its file and its place in it.

Nothing is interpreted here beyond which column is which; text becomes values in `tiktok_pipeline.validated`.
"""
