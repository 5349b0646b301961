"""Stage 6: who counts as an influencer, learned from labels. No study has a classifier yet."""
