"""Stage 7: who is who whatever the handle, how each creator changed, and how it stands among others of its size.

What became of segments and of the creators in them is computed in `tiktok_pipeline.analysis.migration`.
"""
