"""The settings that a study is written in: its segmentation, its classification, its personas.

Frozen records that check themselves. They load no scikit-learn, which takes seconds, so that every command can read
every study.
"""
