"""The same command as ``tiktok-pipeline``, as ``python -m tiktok_pipeline``."""

from tiktok_pipeline.cli import process

if __name__ == "__main__":
    process()
