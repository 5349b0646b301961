"""Stage ``classifiers``: what the label of a study is, how well models find it, and how honest those figures are.

Segments do not belong here (`tiktok_pipeline.clusters`), nor pictures (`tiktok_pipeline.reports`).
"""
