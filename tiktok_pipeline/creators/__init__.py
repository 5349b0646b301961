"""Stage 7: who is who whatever the handle, and how each creator changed since it was last seen.

What became of segments and of the creators in them is computed in `tiktok_pipeline.analysis.migration`.
"""
