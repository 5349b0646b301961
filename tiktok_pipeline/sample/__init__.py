"""Synthetic scrapes: invented creators in the columns of the public data set, of any size.

The distributions follow a real scrape (quantiles and rank correlations only). No text, handle or link of a real
person is in it. Rows are drawn block by block from the seed, so a file does not depend on the machine.
"""

from tiktok_pipeline.sample.truth import truth_table
from tiktok_pipeline.sample.write import write_sample

__all__ = ["truth_table", "write_sample"]
