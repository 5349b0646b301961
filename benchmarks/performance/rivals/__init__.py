"""What a user would write instead of this project: each a plain script over one Parquet scrape, tuned honestly.

They do the work of the study ``influencer_segments``: its columns, its outlier rule, scaling, the sweep over k on the
same bounded sample, the fit on as many rows, a segment for every profile, sizes, means and medians. They check no
row, keep no rejected rows, measure no stability, store nothing and publish nothing.
"""
