"""Stage 4: the fitted KMeans model of each study and the cluster of every profile.

What a cluster is called is the matter of `tiktok_pipeline.personas`; a number carries no meaning across refits.
"""
