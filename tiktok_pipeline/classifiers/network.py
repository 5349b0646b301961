"""The fully connected network of study ``active_creators`` in PyTorch: as published, and with its errors corrected.

The published training loop checks the validation loss every ten epochs, leaves dropout on while it scores, and keeps
as "best weights" a reference to the last weights. No training library does that, so the loop is written out here.
With its errors corrected the same loop scores without dropout and keeps a copy of the best weights.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
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
    weights : tuple of ndarray
        Weights and offsets of each layer.
    dropout : float
        The share of each hidden layer that is set to 0 while the network scores.
    seed : int
        Seed of that dropout.
    epochs : int
        Epochs until training stopped.
    validation_loss : float
        The lowest binary cross-entropy on the validation rows.
    """

    weights: tuple[NDArray[np.float32], ...]
    dropout: float
    seed: int
    epochs: int
    validation_loss: float

    def score(self, inputs: Matrix) -> Vector:
        """Return the scores, 0 to 1, of inputs in 0..1 (rows x inputs)."""
        import torch  # noqa: PLC0415

        torch.set_num_threads(1)
        generator = torch.Generator().manual_seed(self.seed)
        with torch.no_grad():
            output = _forward([_tensor(part) for part in self.weights], _tensor(inputs), self.dropout, generator)
        scores: Vector = output.numpy().ravel().astype(np.float64)
        return scores


class _Observer:
    """Follows a training by the loss on the validation rows, and decides when it stops and which weights are kept.

    As published, dropout is on while the loss is computed, and the weights of the last epoch are kept.
    """

    def __init__(self, settings: Network, *, seed: int, as_published: bool) -> None:
        import torch  # noqa: PLC0415

        self.settings, self.seed, self.as_published = settings, seed, as_published
        self.dropout = settings.dropout if as_published else 0.0
        self.generator = torch.Generator().manual_seed(seed)
        self.best_loss, self.looks_without_gain, self.epochs = np.inf, 0, 0
        self.kept: tuple[NDArray[np.float32], ...] = ()
        self.is_done = False

    def look(self, weights: list[Any], rows: Any, target: Any, *, epoch: int) -> None:  # noqa: ANN401
        """Compute the loss on the validation rows after an epoch."""
        import torch  # noqa: PLC0415

        with torch.no_grad():
            output = _forward(weights, rows, self.dropout, self.generator)
            loss = float(torch.nn.functional.binary_cross_entropy(output, target))
        if loss < self.best_loss:
            self.best_loss, self.looks_without_gain = loss, 0
            if not self.as_published:
                self.kept = _copied(weights)
        else:
            self.looks_without_gain += 1
        if self.looks_without_gain >= self.settings.patience_looks:
            self.stop(weights, epoch=epoch)

    def stop(self, weights: list[Any], *, epoch: int) -> None:
        """Keep the weights, if none better were kept, and look no more."""
        self.is_done, self.epochs = True, epoch + 1
        if not self.kept:
            self.kept = _copied(weights)

    def trained(self) -> Trained:
        """Return the network as this observer leaves it."""
        return Trained(self.kept, self.dropout, self.seed, self.epochs, self.best_loss)


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
    as_published: Sequence[bool] = (False,),
) -> list[Trained]:
    """Train the network until the loss on the validation rows no longer falls.

    All random numbers come from generators of this call and one thread does the sums, so the same seed gives the
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
    as_published : sequence of bool
        One network is returned for each. True leaves dropout on while scoring and keeps the last weights, as the
        published notebook does. All come from the same training; each stops by its own losses.

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
    observers = [_Observer(settings, seed=seed, as_published=published) for published in as_published]
    epoch = 0
    for epoch in range(settings.most_epochs):
        for start in range(0, len(rows), settings.batch_rows):
            batch = slice(start, start + settings.batch_rows)
            optimizer.zero_grad()
            output = _forward(weights, rows[batch], settings.dropout, generator)
            torch.autograd.backward(loss(output, target[batch]))
            optimizer.step()
        if epoch % settings.epochs_a_look:
            continue
        active = [observer for observer in observers if not observer.is_done]
        for observer in active:
            observer.look(weights, validation_rows, validation_target, epoch=epoch)
        if all(observer.is_done for observer in observers):
            break
    for observer in observers:
        if not observer.is_done:
            observer.stop(weights, epoch=epoch)
    return [observer.trained() for observer in observers]


def _copied(weights: list[Any]) -> tuple[NDArray[np.float32], ...]:
    return tuple(tensor.detach().numpy().copy() for tensor in weights)


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
