"""Draw figures from small frames with matplotlib; `reports` and `orchestration` decide which figures there are."""
