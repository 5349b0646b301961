"""The home of the data: its folders, manifests, lock and log of failures, and what a killed process leaves in it."""
