"""Recipes: all settings of a training run besides network and data, and the named recipes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields

from spikelet import options
from spikelet.errors import UsageError
from spikelet.files.decoded import Document
from spikelet_converters.source_model.residuals.strategy import LIMIT, Draw, neurons_and_steps

PRECISIONS = ("float32", "bfloat16")
POLICIES = ("none", "autoaugment")
LARGEST_NUMBER = 1e9  # products of two such numbers are far from the limits of float32
# fields by type: whole numbers with the least value, numbers of 0 or more, shares of 0…1, and bool
WHOLE_NUMBERS = {"epochs": 1, "batch": 1, "steps": 1, "seed": 0, "shift": 0, "cutout": 0}
NUMBERS = (
    "learning_rate", "weight_decay", "warmup", "lambda_rate", "lambda_decay", "potential_rate", "clip",
    "residual_penalty", "spike_price",
)  # fmt: skip
SHARES = ("momentum", "validation", "lambda_hold", "distil", "price_rise")
SWITCHES = ("nesterov", "augment", "flip", "freeze_norm", "measure_augmented")


@dataclass(frozen=True)
class Recipe:
    """All settings of a training run besides the network and the data.

    Attributes:
        epochs: Number of epochs.
        seed: Seed of the run and of the validation split.
        batch: Images per batch.
        learning_rate, momentum, nesterov, weight_decay: Settings of stochastic gradient descent.
        steps: T at which sigma is measured, and at which the spiking network is validated if `time_steps` is empty.
        validation: Share of the training images in the validation split.
        augment: Shift and mirror the images.
        shift: Largest shift in each direction, in pixels.
        flip: Mirror half of the images; wrong for digits and text.
        time_steps: Values from which T is drawn for each batch (or image) if the residual strategy simulates: numbers,
            "kxT" (k neurons per channel, T time-steps), "limit" (spike rate for T → ∞) or "quantised" (the quantiser).
            A repeated value is drawn more often. () means (steps,).
        validation_steps: T, or "kxT", at which the network is validated. The checkpoint with the highest mean accuracy
            over them is kept. () means those among `time_steps`. A study sets it, to select all methods by the same
            values.
        freeze_norm: Use the running statistics of batch norm, for the last epochs of a trained network.
        policy: Augmentation after crop and flip.
        cutout: Width of the square that is filled in each image, in pixels.
        measure_augmented: Measure the residual error on augmented images.
        warmup: Number of epochs in which the learning rate rises from 0. It then falls to 0 as a cosine.
        lambda_rate: Learning rate of the thresholds relative to that of the weights.
        lambda_decay: Weight decay of the thresholds; None is that of the weights.
        lambda_hold: Share of the run, at its end, in which the thresholds are constant.
        potential_rate: Learning rate of trained initial potentials relative to that of the weights.
        distil: Share of the loss on soft targets of the starting network (`distil.py`).
        clip: Largest norm of the gradient of all parameters; 0 does not limit it.
        residual_penalty: Weight of the residual error in the loss (`penalties/residual.py`).
        spike_price: Weight of the synaptic operations in the loss (`penalties/operations.py`).
        price_rise: Share of the run, at its beginning, in which this weight rises linearly from 0.
        precision: Precision of the forward and backward pass. Thresholds, weights and gradient sums stay float32.

    Raises:
        UsageError: A value is of a wrong type or out of range.
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
    validation_steps: tuple[int | str, ...] = ()
    freeze_norm: bool = False
    shift: int = 4
    flip: bool = True
    policy: str = "none"
    cutout: int = 0
    measure_augmented: bool = False
    warmup: float = 0.0
    lambda_rate: float = 1.0
    lambda_decay: float | None = None
    lambda_hold: float = 0.0
    potential_rate: float = 1.0
    distil: float = 0.0
    clip: float = 0.0
    residual_penalty: float = 0.0
    spike_price: float = 0.0
    price_rise: float = 0.0
    precision: str = "float32"

    def __post_init__(self) -> None:
        for name, least in WHOLE_NUMBERS.items():
            self._set(name, options.whole(name, getattr(self, name), least, options.LARGEST_WHOLE))
        for name in NUMBERS:
            if name == "lambda_decay" and self.lambda_decay is None:
                continue
            self._set(name, options.real(name, getattr(self, name), 0, LARGEST_NUMBER))
        for name in SHARES:
            self._set(name, options.real(name, getattr(self, name), 0, 1))
        for name, choices in (("precision", PRECISIONS), ("policy", POLICIES)):
            options.choice(name, getattr(self, name), choices)
        for name in SWITCHES:
            options.switch(name, getattr(self, name))
        self._check_steps()

    def _set(self, name: str, value: object) -> None:
        """Set a field to a value of Python's own types: a checkpoint contains no others."""
        object.__setattr__(self, name, value)

    def _check_steps(self) -> None:
        for name in ("time_steps", "validation_steps"):
            draws = getattr(self, name)
            if not isinstance(draws, list | tuple):
                expected = 'a list such as [1, 2, "limit"]'
                raise UsageError.at(name, f"expected {expected}, found {options.shown(draws)}", expected=expected)
            self._set(name, tuple(draws))
            for steps in draws:
                try:
                    simulated = neurons_and_steps(steps)[1]
                except ValueError as error:
                    raise UsageError(f"{name}: {error}") from None
                if name == "validation_steps" and not simulated:
                    raise UsageError(f'{name}: expected numbers or "kxT", found {options.shown(steps)}')

    @property
    def draws(self) -> tuple[Draw, ...]:
        """Values from which T is drawn for each batch."""
        return self.time_steps or (self.steps,)

    @property
    def times(self) -> tuple[Draw, ...]:
        """Numbers of time-steps, or "kxT", at which the network is validated."""
        drawn = {steps for steps in self.time_steps if neurons_and_steps(steps)[1]}
        return tuple(sorted(set(self.validation_steps) or drawn, key=neurons_and_steps)) or (self.steps,)

    @property
    def augmentation(self) -> str:
        """Names of the changes of the training images, such as "shift, flip"; "" without any."""
        changes = {
            "shift": self.augment and self.shift,
            "flip": self.augment and self.flip,
            self.policy: self.policy != "none",
            f"cutout {self.cutout}": self.cutout,
        }
        return ", ".join(name for name, is_used in changes.items() if is_used)

    def learning_rate_at(self, epoch: float) -> float:
        """Return the learning rate at a time of the run, in epochs: warm-up, then half a cosine to 0."""
        if epoch < self.warmup:
            return self.learning_rate * epoch / self.warmup
        share = (epoch - self.warmup) / max(self.epochs - self.warmup, 1e-9)
        return self.learning_rate * 0.5 * (1 + math.cos(math.pi * min(share, 1)))

    def spike_price_at(self, epoch: float) -> float:
        """Return the weight of the synaptic operations at a time of the run, in epochs."""
        rise = self.epochs * self.price_rise
        return self.spike_price if epoch >= rise else self.spike_price * epoch / rise

    def holds_lambda(self, epoch: float) -> bool:
        """Return whether the thresholds are constant at a time of the run, in epochs."""
        return epoch >= self.epochs * (1 - self.lambda_hold)


@dataclass(frozen=True)
class Preset:
    """A named recipe.

    Attributes:
        about: Description.
        spec: Options of the network.
        recipe: Options of the run.
        finish: Options of the last epochs, None without a second phase.
    """

    about: str
    spec: Mapping[str, object]
    recipe: Mapping[str, object]
    finish: Mapping[str, object] | None = None


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
# Frozen batch norm does not damp gradients: without a limit of their norm, a vgg9 lost its accuracy within ten batches
# at a learning rate of 0.02. docs/method.md compares these epochs with half as many.
LAST_EPOCHS = {"epochs": 8, "learning_rate": 0.01, "clip": 2.0, "warmup": 0.2, "freeze_norm": True}
_FINISH = {**LAST_EPOCHS, "residual": "exact", "train_potential": True, "time_steps": (1, 2, 4, 8, LIMIT, LIMIT)}

PRESETS: dict[str, Preset] = {
    "spikelet": Preset(
        "QCFS, then last epochs with the exact residual (default)",
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


def with_tuples(settings: Mapping[str, object]) -> Document:
    """Return settings of a study file or the command line with lists as tuples, the type of fields of a recipe."""
    return {key: tuple(value) if isinstance(value, list) else value for key, value in settings.items()}
