"""Stateful nodes: integrate-and-fire neurons with and without a leak, and leaky integrators."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np

from spikelet.choices import MAX_COPIES as MAX_COPIES
from spikelet.errors import GraphError
from spikelet.nodes.base import Array, Node, Shape, check_per_channel, is_float
from spikelet.options import integer, shown

Reset = Literal["subtract", "zero", "subtract-late"]
Tie = Literal[">=", ">"]
SHIFTS = (1, 24)  # least and greatest decay of an exact LIF


@dataclass(frozen=True, eq=False, repr=False)
class IF(Node):
    """Integrate and fire.

    v[t] = v[t-1] + i[t];  s[t] = 1 if v[t] >= theta (tie ">=") or v[t] > theta (tie ">"), else 0;
    then v[t] -= theta s[t] (reset "subtract"), or v[t] = 0 where s[t] = 1 (reset "zero").

    With k copies, each channel stands for k neurons with the same current and threshold and different initial
    potentials. Its output is the number of copies that fire, 0…k. `spikelet.copies.expand` converts copies to channels.

    Attributes:
        theta: (C,) threshold, above 0, in the units of the current.
        v_init: (C·copies,) initial potential, in the units of the current; that of copy i of channel c is at
            c·copies + i.
        reset: "subtract" or "zero"; for a LIF also "subtract-late".
        tie: Whether a potential equal to the threshold causes a spike (">=") or not (">").
        copies: Number of neurons per channel and pixel, 1…255.

    Examples:
        >>> import numpy as np
        >>> IF(np.array([8], np.int32), np.array([2, 6], np.int32), copies=2).by_copy(np.array([8]))
        array([8, 8])
    """

    tensors: ClassVar[tuple[str, ...]] = ("theta", "v_init")
    resets: ClassVar[tuple[str, ...]] = ("subtract", "zero")
    theta: Array
    v_init: Array
    reset: Reset = "subtract"
    tie: Tie = ">="
    copies: int = field(default=1, kw_only=True)

    def __post_init__(self) -> None:
        self._array("theta", 1)
        self._array("v_init", 1)
        copies = integer(self.copies)
        if copies is None or not 1 <= copies <= MAX_COPIES:
            raise GraphError(
                f"{self.kind}.copies: expected a whole number of 1…{MAX_COPIES}, found {shown(self.copies)}"
            )
        self._set("copies", copies)
        if self.copies == 1:
            self._same_length("theta", "v_init")
        elif len(self.v_init) != self.copies * len(self.theta):
            raise GraphError(
                f"{self.kind}.v_init: expected {self.copies * len(self.theta)} values, one for each of the "
                f"{self.copies} copies of the {len(self.theta)} channels, found {len(self.v_init)}"
            )
        if not self.theta.min() > 0:
            raise GraphError(f"{self.kind}.theta: expected thresholds above 0, found {self.theta.min()}")
        if not isinstance(self.reset, str) or self.reset not in self.resets:
            raise GraphError(f"{self.kind}.reset: expected {_either(self.resets)}, found {shown(self.reset)}")
        if not isinstance(self.tie, str) or self.tie not in (">=", ">"):
            raise GraphError(f"{self.kind}.tie: expected {_either(('>=', '>'))}, found {shown(self.tie)}")

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        return check_per_channel(self.kind, "theta", self.theta, inputs[0])

    @property
    def drop(self) -> Array:
        """Amount subtracted from the potential by a spike if the reset subtracts, (C,)."""
        return self.theta

    def population(self, shape: Shape) -> Shape:
        """Return the shape of the layer's neurons, (C·copies, …), from its output shape (C, …)."""
        return shape[0] * self.copies, *shape[1:]

    def by_copy(self, values: Array) -> Array:
        """Repeat a value per channel, (C,), for every copy, (C·copies,)."""
        return values if self.copies == 1 else np.repeat(values, self.copies)


@dataclass(frozen=True, eq=False, repr=False)
class LIF(IF):
    """Leaky integrate and fire: an IF whose potential decays before each integration.

    Exact networks: v <- v - floor(v / 2^decay), integers (an arithmetic shift). float32 networks: v <- decay v.

    Reset "subtract-late" (float32 networks only) subtracts theta at the next time-step, after the leak:
    v[t] = decay v[t-1] + i[t] - theta s[t-1] (snnTorch's reset_delay). This is equivalent to subtracting
    theta / decay at once.

    Attributes:
        decay: (C,) shifts of 1…24 if theta is an integer, factors in (0, 1] if it is float32.
    """

    tensors: ClassVar[tuple[str, ...]] = ("theta", "v_init", "decay")
    resets: ClassVar[tuple[str, ...]] = ("subtract", "zero", "subtract-late")
    decay: Array = None  # type: ignore[assignment]  # dataclass order; checked below

    def __post_init__(self) -> None:
        super().__post_init__()
        self._array("decay", 1)
        self._same_length("theta", "decay")
        if is_float(self.theta) != is_float(self.decay):
            raise GraphError(f"LIF.decay: is {self.decay.dtype} while theta is {self.theta.dtype}")
        low, high = (0, 1) if is_float(self.decay) else SHIFTS
        least, most = self.decay.min(), self.decay.max()
        if not low <= least <= most <= high or least == 0:
            expected = "factors in (0, 1]" if is_float(self.decay) else "shifts of 1…24"
            raise GraphError(f"LIF.decay: expected {expected}, found {least}…{most}")
        if self.reset == "subtract-late" and not is_float(self.theta):
            raise GraphError('LIF.reset: "subtract-late" is for float32 networks; an exact one takes "subtract"')

    @property
    def drop(self) -> Array:
        """Amount subtracted from the potential by a spike if the reset subtracts, (C,)."""
        return self.theta / self.decay if self.reset == "subtract-late" else self.theta


@dataclass(frozen=True, eq=False, repr=False)
class LI(Node):
    """Leaky integrator: v[t] = decay v[t-1] + i[t] with v[0] = 0. The output is the potential; there are no spikes.

    Used as a synaptic current that decays (before a neuron) or as a readout (before the output). float32 networks
    only.

    Attributes:
        decay: (C,) factors in (0, 1]; 1 is an integrator without leak.
    """

    tensors: ClassVar[tuple[str, ...]] = ("decay",)
    decay: Array

    def __post_init__(self) -> None:
        self._array("decay", 1)
        if not is_float(self.decay) or not ((self.decay > 0) & (self.decay <= 1)).all():
            raise GraphError(
                f"LI.decay: expected float32 factors in (0, 1], found {self.decay.dtype} "
                f"{self.decay.min()}…{self.decay.max()}"
            )

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        return check_per_channel(self.kind, "decay", self.decay, inputs[0])


def _either(names: tuple[str, ...]) -> str:
    return " or ".join(f'"{name}"' for name in names)
