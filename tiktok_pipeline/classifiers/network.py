"""The fully connected network of study ``active_creators`` in PyTorch: as published, and with its errors corrected.

The published training loop checks the validation loss every ten epochs, leaves dropout on while it scores, and keeps
as "best weights" a reference to the last weights. No training library does that, so the loop is written out here.
With ``as_published=False`` the same loop scores without dropout and keeps a copy of the best weights.
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
from tiktok_pipeline.errors import PipelineError
from tiktok_pipeline.recipes.classification import Network, PublishedNetwork


class ModelMissingError(PipelineError):
    """A model needs a library that is not installed; the text names both."""

    code = "model_missing"


@dataclass(frozen=True)
class Trained:
    """A trained network.

    Attributes
    ----------
    score : callable
        Maps inputs in 0..1 (rows x inputs) to scores in 0..1, one per row.
    epochs : int
        Epochs until training stopped.
    validation_loss : float
        The lowest binary cross-entropy on the validation rows.
    """

    score: Callable[[Matrix], Vector]
    epochs: int
    validation_loss: float


def is_installed() -> bool:
    """Return whether PyTorch is installed; it is an optional extra because of its size."""
    from importlib.util import find_spec  # noqa: PLC0415

    return find_spec("torch") is not None


def train(
    inputs: Matrix,
    labels: Flags,
    validation_inputs: Matrix,
    validation_labels: Flags,
    settings: Network,
    *,
    seed: int,
    as_published: bool,
) -> Trained:
    """Train the network until the loss on the validation rows no longer falls.

    All random numbers come from a generator of this call and one thread does the sums, so the same seed gives the
    same network whatever else the process does.

    Parameters
    ----------
    inputs, validation_inputs : ndarray of shape (n_rows, n_inputs)
        Inputs scaled to 0..1.
    labels, validation_labels : ndarray of bool of shape (n_rows,)
        Whether a row is positive.
    settings : Network
        Size of the network and settings of the training.
    seed : int
        Seed of the weights and of dropout.
    as_published : bool
        Leave dropout on while scoring and keep the last weights, as the published notebook does.

    Raises
    ------
    ModelMissingError
        If PyTorch is not installed.
    """
    if not is_installed():
        raise ModelMissingError(
            "model neural_network: PyTorch is not installed", remedy="install the extra `neural` to have it"
        )
    import torch  # noqa: PLC0415 - an extra, and importing it costs seconds

    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(seed)
    weights = _initial_weights(inputs.shape[1], settings, generator)
    rows, target = _tensor(inputs), _tensor(labels[:, None])
    validation_rows, validation_target = _tensor(validation_inputs), _tensor(validation_labels[:, None])
    optimizer = torch.optim.Adam(weights, lr=settings.learning_rate, fused=True)
    loss = torch.nn.functional.binary_cross_entropy
    dropout_while_scoring = settings.dropout if as_published else 0.0
    best_loss, checks_without_gain, best_weights, epoch = np.inf, 0, weights, 0
    for epoch in range(settings.most_epochs):
        for start in range(0, len(rows), settings.batch_rows):
            batch = slice(start, start + settings.batch_rows)
            optimizer.zero_grad()
            output = _forward(weights, rows[batch], settings.dropout, generator)
            torch.autograd.backward(loss(output, target[batch]))
            optimizer.step()
        if epoch % settings.epochs_a_look:
            continue
        with torch.no_grad():
            output = _forward(weights, validation_rows, dropout_while_scoring, generator)
            validation_loss = float(loss(output, validation_target))
        if validation_loss < best_loss:
            best_loss, checks_without_gain = validation_loss, 0
            best_weights = weights if as_published else [tensor.detach().clone() for tensor in weights]
        else:
            checks_without_gain += 1
        if checks_without_gain >= settings.patience_looks:
            break

    def score(scored_inputs: Matrix) -> Vector:
        scoring_generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            output = _forward(best_weights, _tensor(scored_inputs), dropout_while_scoring, scoring_generator)
        scores: Vector = output.numpy().ravel().astype(np.float64)
        return scores

    return Trained(score, epoch + 1, best_loss)


def _initial_weights(inputs: int, settings: Network, generator: Any) -> list[Any]:  # noqa: ANN401 - torch has its own types
    """Return weights and offsets of each layer, uniform within 1 / sqrt(inputs), as PyTorch starts a linear layer."""
    import torch  # noqa: PLC0415

    weights = []
    for outputs in [settings.units] * settings.layers + [1]:
        bound = 1.0 / math.sqrt(inputs)
        for shape in ((inputs, outputs), (outputs,)):
            start = (torch.rand(shape, generator=generator) * 2.0 - 1.0) * bound
            weights.append(start.requires_grad_())
        inputs = outputs
    return weights


def _forward(weights: list[Any], rows: Any, dropout: float, generator: Any) -> Any:  # noqa: ANN401
    """Return the output of the network for some rows; ``dropout`` is the share of each hidden layer set to 0."""
    import torch  # noqa: PLC0415

    *hidden, weight, offset = weights
    for place in range(0, len(hidden), 2):
        rows = torch.relu(torch.addmm(hidden[place + 1], rows, hidden[place]))
        if dropout:
            rows = rows * torch.rand(rows.shape, generator=generator).ge_(dropout).div_(1.0 - dropout)
    return torch.sigmoid(torch.addmm(offset, rows, weight))


def _tensor(values: NDArray[Any]) -> Any:  # noqa: ANN401 - a torch tensor
    import torch  # noqa: PLC0415

    return torch.tensor(np.asarray(values, dtype=np.float32))


def impute_median(matrix: Matrix, fitted_on: Matrix) -> Matrix:
    """Replace missing values by the medians of ``fitted_on``, or by 0 if a column has no value there."""
    from sklearn.impute import SimpleImputer  # noqa: PLC0415

    imputed: Matrix = SimpleImputer(strategy="median", keep_empty_features=True).fit(fitted_on).transform(matrix)
    return imputed


def fit_min_max(matrix: Matrix) -> Callable[[Matrix], Matrix]:
    """Return a function that maps the smallest value of each column to 0 and the largest to 1; a constant to 0."""
    # scikit-learn's MinMaxScaler multiplies by a rounded factor, so that the largest value may come out above 1.
    low, high = matrix.min(axis=0), matrix.max(axis=0)
    width = np.where(high > low, high - low, 1.0)
    return lambda rows: (rows - low) / width


def published_inputs(features: pd.DataFrame, recipe: PublishedNetwork) -> Matrix:
    """Return the inputs of the published network: its features, with the principal components after the first one.

    As published, the components are fitted on all rows, test rows included.
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
