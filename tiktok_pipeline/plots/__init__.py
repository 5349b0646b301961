"""Draw figures from small frames with matplotlib. Which figures there are is decided in `reports` and `orchestration`."""
