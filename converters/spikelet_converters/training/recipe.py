"""What decides a training run besides network and data: one value, and the recipes that have names."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from spikelet.errors import UsageError
from spikelet_converters.source_model.residuals.strategy import LIMIT, QUANTISED

PRECISIONS = ("float32", "bfloat16")
POLICIES = ("none", "autoaugment")


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a training run besides the network and the data.

    steps: T at which sigma is measured, and the spiking network validated unless `time_steps` says more.
    validation: share of the training images that is held out.
    time_steps: what a batch is trained on, drawn anew for each, where the residual strategy simulates: T, "limit" (the
        rate of T → ∞) or "quantised" (the quantiser). One that stands there twice is drawn twice as often; () is
        (steps,).
    freeze_norm: batch norm keeps its running statistics, for the last epochs of a network that is trained already.
    policy, cutout: AutoAugment after crop and flip, then a square of so many pixels painted over.
    measure_augmented: what the residual strategy measures, it measures on augmented images.
    warmup: epochs in which the learning rate rises from 0; after them it falls to 0 as a cosine.
    lambda_rate, lambda_decay: learning rate of the thresholds relative to the weights', and their weight decay.
    lambda_hold: share of the run, at its end, in which thresholds are held.
    potential_rate: learning rate of trained initial potentials relative to the weights'.
    distil: share of the loss that follows soft answers of the network which the run starts with (`distil.py`).
    precision: of the forward and backward pass; thresholds, weights and sums of gradients stay float32.
    """

    epochs: int
    seed: int = 0
    batch: int = 128
    learning_rate: float = 0.1
    momentum: float = 0.9
    nesterov: bool = True
    weight_decay: float = 5e-4
    steps: int = 4
    validation: float = 0.1
    augment: bool = True
    time_steps: tuple[int | str, ...] = ()
    freeze_norm: bool = False
    policy: str = "none"
    cutout: int = 0
    measure_augmented: bool = False
    warmup: float = 0.0
    lambda_rate: float = 1.0
    lambda_decay: float | None = None
    lambda_hold: float = 0.0
    potential_rate: float = 1.0
    distil: float = 0.0
    precision: str = "float32"

    def __post_init__(self) -> None:
        least = {"epochs": 1, "batch": 1, "steps": 1, "learning_rate": 0, "weight_decay": 0, "cutout": 0, "warmup": 0}
        for name, low in {**least, "lambda_rate": 0, "potential_rate": 0}.items():
            if not low <= getattr(self, name) < math.inf:
                raise UsageError(f"{name}: expected {low} or more, got {getattr(self, name)}")
        for name in ("validation", "lambda_hold", "distil"):
            if not 0 <= getattr(self, name) <= 1:
                raise UsageError(f"{name}: expected a share of 0 to 1, got {getattr(self, name)}")
        for name, known in (("precision", PRECISIONS), ("policy", POLICIES)):
            if getattr(self, name) not in known:
                raise UsageError(f"{name}: expected {' or '.join(known)}, got {getattr(self, name)!r}")
        for each in self.time_steps:
            if each not in (LIMIT, QUANTISED) and (not isinstance(each, int) or each < 1):
                raise UsageError(f'time_steps: expected numbers of 1 or more, "limit" or "quantised", got {each!r}')

    @property
    def draws(self) -> tuple[int | str, ...]:
        """What a batch is trained on is drawn from these."""
        return self.time_steps or (self.steps,)

    @property
    def times(self) -> tuple[int, ...]:
        """The numbers of time-steps that the network is validated for."""
        return tuple(sorted({each for each in self.time_steps if isinstance(each, int)})) or (self.steps,)

    def learning_rate_at(self, epoch: float) -> float:
        """The learning rate at a moment of the run, in epochs: warm-up, then half a cosine to 0."""
        if epoch < self.warmup:
            return self.learning_rate * epoch / self.warmup
        share = (epoch - self.warmup) / max(self.epochs - self.warmup, 1e-9)
        return self.learning_rate * 0.5 * (1 + math.cos(math.pi * min(share, 1)))

    def holds_lambda(self, epoch: float) -> bool:
        """Whether the thresholds are held at a moment of the run."""
        return epoch >= self.epochs * (1 - self.lambda_hold)


@dataclass(frozen=True)
class Preset:
    """A recipe with a name. spec, recipe: options of the network and the run. finish: of the last epochs, if others."""

    about: str
    spec: Mapping[str, Any]
    recipe: Mapping[str, Any]
    finish: Mapping[str, Any] | None = None


_PAPER = {
    "epochs": 400,
    "learning_rate": 0.05,
    "weight_decay": 5e-4,
    "nesterov": False,
    "batch": 128,
    "steps": 4,
    "policy": "autoaugment",
    "cutout": 16,
    "measure_augmented": True,
    "seed": 42,
}
_SHORT = {"epochs": 24, "learning_rate": 0.1, "steps": 4}
# At 0.02 a vgg9 forgot all it knew within ten batches: frozen batch norm no longer scales steep gradients down.
LAST_EPOCHS = {"epochs": 4, "learning_rate": 0.005, "warmup": 0.2, "freeze_norm": True}
_FINISH = {**LAST_EPOCHS, "residual": "exact", "train_potential": True, "time_steps": (1, 2, 4, 8, LIMIT, LIMIT)}

PRESETS: dict[str, Preset] = {
    "spikelet": Preset(
        "QCFS, then the last epochs with the exact residual: the default",
        {"levels": 4, "lambda_init": 2.0, "residual": "none"},
        _SHORT,
        _FINISH,
    ),
    "qcfs": Preset(
        "the quantiser alone (Bu et al., ICLR 2022)", {"levels": 4, "lambda_init": 2.0, "residual": "none"}, _SHORT
    ),
    "paper": Preset(
        "Gaussian residual noise with the authors' defaults (Huang et al., 2024)",
        {"levels": 4, "lambda_init": 8.0, "residual": "gaussian"},
        _PAPER,
    ),
    "paper-qcfs": Preset(
        "the control for `paper`: the same without noise", {"levels": 4, "lambda_init": 8.0, "residual": "none"}, _PAPER
    ),
}
RECIPE_FIELDS = tuple(field.name for field in fields(Recipe))
