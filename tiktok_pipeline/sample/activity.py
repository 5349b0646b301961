"""The two-score activity file: five groups of creators by activity and readiness to pay, as a mixture of normals."""

from __future__ import annotations

import numpy as np

HEADER = "User ID,Instagram visit score,Spending_rank(0 to 100)\n"

_GROUPS = (
    (0.120, 59.95, 19.8),
    (0.153, 39.3, 65.3),
    (0.231, 79.6, 85.0),
    (0.192, 23.9, 25.0),
    (0.304, 89.3, 20.0),
)
"""Share of creators, mean of the first score, mean of the second score."""

_SPREAD = 7.3
"""Standard deviation of both scores, in points."""


def activity_lines(rows: int, draws: np.random.Generator) -> str:
    """Return the file as text: a header and ``rows`` lines, the last two of them invalid."""
    shares = [share for share, _, _ in _GROUPS]
    group = draws.choice(len(_GROUPS), size=rows, p=np.array(shares) / sum(shares))
    centers = np.array([group_means[1:] for group_means in _GROUPS])[group]
    values = centers + draws.standard_normal((rows, 2)) * _SPREAD
    first = np.clip(np.rint(values[:, 0]), 5, 118).astype(int)
    second = np.clip(values[:, 1], 0.9, 107.0)
    lines = [
        f"{number},{visits},{spending:.6f}"
        for number, (visits, spending) in enumerate(zip(first, second, strict=True))
    ]
    if rows > 2:
        lines[-2:] = [f"{rows - 2},n/a,20.5", f"{rows - 1},60,-5"]
    return HEADER + "\n".join(lines) + "\n"
