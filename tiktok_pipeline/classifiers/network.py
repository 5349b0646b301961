"""The fully connected network of seed 002 in PyTorch: as published, and with its slips put right.

The published loop looks at the validation loss every ten epochs, leaves dropout on while it scores, and keeps as "best
weights" a reference to the last ones. No training library does that, which is why the loop stands here in full; with
``as_published=False`` the same loop scores without dropout and keeps a copy of the best weights.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tiktok_pipeline.arrays import Matrix, Vector
from tiktok_pipeline.classifiers.labels import Flags
from tiktok_pipeline.classifiers.models import ModelMissingError
from tiktok_pipeline.recipes.classification import Network, PublishedNetwork


@dataclass(frozen=True)
class Trained:
    """A trained network: how it scores prepared rows (inputs in 0..1), and how long it was trained."""

    score: Callable[[Matrix], Vector]
    epochs: int
    validation_loss: float


def is_installed() -> bool:
    """Whether PyTorch is there; it is an extra, because it weighs more than everything else together."""
    from importlib.util import find_spec  # noqa: PLC0415

    return find_spec("torch") is not None


def train(
    inputs: Matrix,
    labels: Flags,
    other_inputs: Matrix,
    other_labels: Flags,
    settings: Network,
    *,
    seed: int,
    as_published: bool,
) -> Trained:
    """Train on prepared rows (inputs in 0..1) until the loss on the other rows no longer falls.

    ``as_published`` leaves dropout on while scoring and keeps the last weights, as the published notebook does. All chance
    comes from one generator of its own, and one thread does the sums: the same seed gives the same network, whatever
    else the process does. Raises `ModelMissingError` where PyTorch is not installed.
    """
    if not is_installed():
        msg = "neural_network: PyTorch is not installed; install the extra `neural` to have it"
        raise ModelMissingError(msg)
    import torch  # noqa: PLC0415 - an extra, and importing it costs seconds

    torch.set_num_threads(1)
    chance = torch.Generator().manual_seed(seed)
    weights = _first_weights(inputs.shape[1], settings, chance)
    rows, wanted = _tensor(inputs), _tensor(labels[:, None])
    other_rows, other_wanted = _tensor(other_inputs), _tensor(other_labels[:, None])
    optimizer = torch.optim.Adam(weights, lr=settings.learning_rate, fused=True)
    loss = torch.nn.functional.binary_cross_entropy
    dropout_while_scoring = settings.dropout if as_published else 0.0
    least, since_least, best, epoch = np.inf, 0, weights, 0
    for epoch in range(settings.most_epochs):
        for start in range(0, len(rows), settings.batch_rows):
            batch = slice(start, start + settings.batch_rows)
            optimizer.zero_grad()
            said = _forward(weights, rows[batch], settings.dropout, chance)
            torch.autograd.backward(loss(said, wanted[batch]))
            optimizer.step()
        if epoch % settings.epochs_a_look:
            continue
        with torch.no_grad():
            now = float(loss(_forward(weights, other_rows, dropout_while_scoring, chance), other_wanted))
        if now < least:
            least, since_least = now, 0
            best = weights if as_published else [one.detach().clone() for one in weights]
        else:
            since_least += 1
        if since_least >= settings.patience_looks:
            break

    def score(prepared: Matrix) -> Vector:
        again = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            said = _forward(best, _tensor(prepared), dropout_while_scoring, again)
        found: Vector = said.numpy().ravel().astype(np.float64)
        return found

    return Trained(score, epoch + 1, least)


def _first_weights(inputs: int, settings: Network, chance: Any) -> list[Any]:  # noqa: ANN401 - torch has its own types
    """Weights and offsets of each layer, uniform within 1 / sqrt(inputs): PyTorch's own way to start a linear layer."""
    import torch  # noqa: PLC0415

    weights = []
    for outputs in [settings.units] * settings.layers + [1]:
        bound = 1.0 / math.sqrt(inputs)
        for shape in ((inputs, outputs), (outputs,)):
            start = (torch.rand(shape, generator=chance) * 2.0 - 1.0) * bound
            weights.append(start.requires_grad_())
        inputs = outputs
    return weights


def _forward(weights: list[Any], rows: Any, dropout: float, chance: Any) -> Any:  # noqa: ANN401
    """What the network says of some rows; a share of ``dropout`` of each hidden layer is silenced by chance."""
    import torch  # noqa: PLC0415

    *hidden, weight, offset = weights
    for place in range(0, len(hidden), 2):
        rows = torch.relu(torch.addmm(hidden[place + 1], rows, hidden[place]))
        if dropout:
            rows = rows * torch.rand(rows.shape, generator=chance).ge_(dropout).div_(1.0 - dropout)
    return torch.sigmoid(torch.addmm(offset, rows, weight))


def _tensor(values: NDArray[Any]) -> Any:  # noqa: ANN401 - a torch tensor
    import torch  # noqa: PLC0415

    return torch.tensor(np.asarray(values, dtype=np.float32))


def impute_median(matrix: Matrix, learnt_from: Matrix) -> Matrix:
    """The matrix with the median of ``learnt_from`` in place of missing values (0 where a column has none at all)."""
    known = ~np.isnan(learnt_from)
    medians = [
        np.median(column[there]) if there.any() else 0.0 for column, there in zip(learnt_from.T, known.T, strict=True)
    ]
    return np.where(np.isnan(matrix), np.array(medians), matrix)


def fit_min_max(matrix: Matrix) -> Callable[[Matrix], Matrix]:
    """A function that maps the smallest value of each column to 0 and the largest to 1 (a constant one to 0)."""
    low, high = matrix.min(axis=0), matrix.max(axis=0)
    width = np.where(high > low, high - low, 1.0)
    return lambda rows: (rows - low) / width


def published_inputs(features: pd.DataFrame, recipe: PublishedNetwork) -> Matrix:
    """The inputs of the published network: its features, the principal components after the first.

    As published, the components are learnt from all rows, test rows included.
    """
    from sklearn.decomposition import PCA  # noqa: PLC0415
    from sklearn.preprocessing import StandardScaler  # noqa: PLC0415

    raw = features[list(recipe.features)].to_numpy(dtype=np.float64, na_value=np.nan)
    raw = impute_median(raw, raw)
    if not recipe.principal_components:
        return raw
    joined = features[list(recipe.principal_components)].to_numpy(dtype=np.float64, na_value=np.nan)
    scaled = StandardScaler().fit_transform(impute_median(joined, joined))
    components = PCA(n_components=len(recipe.principal_components)).fit_transform(scaled)
    return np.column_stack([raw[:, :1], components, raw[:, 1:]])
