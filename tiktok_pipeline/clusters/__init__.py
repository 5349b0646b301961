"""Stage 4: the fitted KMeans model of each study and the cluster of every profile.

A cluster has a number, which has no meaning across refits. `tiktok_pipeline.personas` gives it a name.
"""
