"""The command line `tiktok-pipeline`: one file for each command; `app` registers them."""
