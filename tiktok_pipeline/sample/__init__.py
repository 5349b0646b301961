"""Synthetic scrapes: invented creators in the columns of the public data set, as small or as large as one likes.

Distributions are those of a real scrape (quantiles and rank correlations only); no text, handle or link of a real person
went into it. Everything is drawn block by block from the seed, so that a file does not depend on memory or machine.
Nothing is read or judged here.
"""

from tiktok_pipeline.sample.write import write_sample

__all__ = ["write_sample"]
