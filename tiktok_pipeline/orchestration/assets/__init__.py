"""The software-defined assets, one file per stage."""
