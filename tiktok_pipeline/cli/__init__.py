"""The command line `tiktok-pipeline`: one file per command; `app` puts them together. Heavy imports are inside the commands."""
