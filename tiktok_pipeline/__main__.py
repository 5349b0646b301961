"""Run ``tiktok-pipeline`` as ``python -m tiktok_pipeline``."""

from tiktok_pipeline.cli.app import process

if __name__ == "__main__":
    process()
