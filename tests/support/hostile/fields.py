"""Mutations of manifests and golden data, and the random source of all choices."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from hostile.drafts import Draft

WHOLE = [0, 1, 2, 3, 7, 8, 24, 25, 127, 128, 255, 256, 2**15 - 1, 2**15, 2**16, 2**20, 2**24, 2**28, 2**28 + 1, 2**31]
WHOLE += [-value for value in WHOLE] + [2**53, 2**63, 10**39, 10**40]
EXPONENTS = [-149, -127, -126, -97, -96, -95, -64, -24, 0, 1, 23, 24, 64, 70, 80, 90, 94, 95, 96, 97, 100, 120]
EXPONENTS += [126, 127]
TEXTS = ["", "a", "é", "🐈", "x" * 256, "x" * 257, "\n", "\t", "\x7f", "\x9b", "\u2028", "\u202e", "\u200f"]
TEXTS += ["\u061c", "\ufeff", "\\"]

Item = TypeVar("Item")


class Mutator:
    """Draws values and changes drafts, with one random source for all choices."""

    def __init__(self, seed: object) -> None:
        self.random = random.Random(seed)  # type: ignore[arg-type]

    def pick(self, values: Sequence[Item]) -> Item:
        return self.random.choice(values)

    def number(self, values: np.ndarray) -> float:
        if values.dtype.kind == "f":
            extreme = self.pick([-1, 1]) * 2.0 ** self.pick(EXPONENTS) * self.pick([1, 1, 1 - 2**-24, 1 + 2**-23, 1.5])
            return self.pick([extreme, extreme, extreme, 0.0, np.nan, np.inf, 0.1])
        limits = np.iinfo(values.dtype)
        near = self.pick(
            [0, 1, 7, 8, 127, 128, 2**15 - 1, 2**15, 2**24 - 1, 2**24, limits.max, self.random.randint(0, 2**25)]
        )
        return max(limits.min, min(limits.max, self.pick([-1, 1]) * near + self.pick([-1, 0, 0, 1])))

    def whole(self, shape: tuple[int, ...], least: int, most: int) -> np.ndarray:
        values = [self.random.randint(least, most) for _ in range(int(np.prod(shape)))]
        return np.array(values, np.int64).reshape(shape)

    def proof(self, draft: Draft) -> None:
        """Change the stated number of time-steps or bits."""
        key = self.pick(["exact_steps", "exact_steps", "bits"])
        value = draft.manifest.get(key)
        if isinstance(value, int):
            draft.manifest[key] = value + self.pick([-1, 1, 1, 1, 1000])

    def field(self, draft: Draft) -> None:
        """Change a field of the manifest, or remove it."""
        key = self.pick([*draft.manifest, "results", "conversion", "name", "labels", "producer"])
        value: object = self.pick([*WHOLE, *TEXTS, None, True, 1.0, [], {}])
        if key in ("results", "conversion"):
            entry = {self.pick(["data", "images", "accuracy", "accuracy_before_quantisation", "bits", "layers", "steps", "digest", "by_step",
                                "agreement_with_float", "notes"]): self.pick([0, 1, 0.5, 2**16, 2**16 + 1, [1], [0.5, 1], [], "d", None, [{}], [{"by_step": [{}]}],
                                                                              [{"layer": "", "activation": None, "clipped": self.pick([2**64, 2**64 + 1, 2.0**65, True, -(2**65), 10**39])}], -1, 2**53, 2**53 + 1])
                     for _ in range(3)}  # fmt: skip
            value = [entry] if key == "results" else entry
        if key == "labels":
            value = [self.pick(TEXTS) for _ in range(self.pick([1, 2, 2, 2, 3]))]
        if key == "producer":
            value = self.pick(
                [None, {}, {"name": "", "version": ""}, {"name": self.pick(TEXTS), "version": self.pick(TEXTS), "x": 1}]
            )
        if key == "provenance":
            value = self.provenance(draft)
        if key == "format_version":
            value = self.pick(
                [
                    "1.0",
                    "1.1",
                    "1.999999",
                    "1.1000000",
                    "2.0",
                    "0.9",
                    "1.01",
                    "01.1",
                    "1.",
                    "1.1.1",
                    "1.١",
                    " 1.1",
                    "1.1\n",
                ]
            )
        if key in ("graph", "members") and self.random.random() < 0.9:
            return
        draft.manifest[key] = value
        if self.random.random() < 0.1:
            del draft.manifest[key]

    def provenance(self, draft: Draft) -> dict[str, object]:
        """Return a provenance: statements on the inputs and on the source network."""
        value: dict[str, object] = {self.pick([*TEXTS, "input_range"]): self.pick([*TEXTS, [[]], -0.0, 1e-400])}
        if self.random.random() < 0.4:
            ends = [0, 1, -0.0, 2.0**-64, 2.0**-65, 2**64, 2**64 + 1, -(2**63), 1 - 2**63, 1e308, True, None]
            value["input_range"] = [self.pick(ends) for _ in range(self.pick([1, 2, 2, 2, 3]))]
        if self.random.random() < 0.6:
            value |= self.features(draft)
        if self.random.random() < 0.2:
            value["levels"] = self.pick([*WHOLE, 4096, 4097, None, 4.0, "4"])
        return value

    def features(self, draft: Draft) -> dict[str, object]:
        """Return settings of log-mel features, most of which match the input except for one setting."""
        shape = next((node.get("shape") for node in draft.nodes if node.get("kind") == "Input"), None)
        bands, frames = (shape[0], shape[-1]) if isinstance(shape, list) and shape else (1, 1)
        settings: dict[str, object] = {
            "kind": "log-mel", "bands": bands, "frames": frames, "window": 0.032, "hop": 0.016, "low": 50, "high": 4000.0, "floor": -60,
        }  # fmt: skip
        numbers = [
            0.001,
            10,
            1e-3 - 2**-60,
            1e6,
            10**6 + 1,
            1,
            -1,
            -200,
            -0.0,
            49,
            51,
            4000,
            1e-320,
            True,
            None,
            "50",
            [50],
        ]
        if self.random.random() < 0.7:
            settings[self.pick(list(settings))] = self.pick([*WHOLE, *numbers])
        if self.random.random() < 0.1:
            settings[self.pick(["", "kind", "x", *settings])] = self.pick([1, "log-mel", "mfcc", {}])
        if self.random.random() < 0.1:
            del settings[self.pick(list(settings))]
        span = [self.pick([-60, -60.0, settings.get("floor"), -61]), self.pick([0, -0.0, 0, 1])]
        return {"input_features": settings, **({"input_range": span} if self.random.random() < 0.4 else {})}

    def stored(self, draft: Draft) -> None:
        """Change golden data: elements, padding bits, shapes or names."""
        name = self.pick(list(draft.golden))
        values = draft.golden[name]
        case = self.random.randrange(8)
        if case < 5 and values.size:
            numbers = [0, 1, -1, 127, 255, 256, 2**15 - 1, -(2**15), self.number(values)]
            if values.dtype.kind == "f":
                numbers += [np.nan, np.inf, 2.0**96, 2.0**97, 255.5]
            with np.errstate(all="ignore"):
                values.reshape(-1)[self.random.randrange(values.size)] = np.array(self.pick(numbers)).astype(
                    values.dtype
                )
        elif case == 5:
            draft.golden[name] = self.pick(
                [values[:-1], values[None], np.concatenate([values, values]), values[..., :1]]
            )
        elif case == 6:
            draft.golden[self.pick(["spikes.x", "potentials", "input", "logits"])] = draft.golden.pop(name)
        else:
            with np.errstate(all="ignore"):
                draft.golden[name] = values.astype(self.pick(["uint8", "int16", "int32", "float32", "int8"]))

    def order(self, draft: Draft) -> None:
        """Change the order of the tensors, which has no meaning."""
        for stored in (draft.weights, draft.golden):
            names = list(stored)
            self.random.shuffle(names)
            for name in names:
                stored[name] = stored.pop(name)
