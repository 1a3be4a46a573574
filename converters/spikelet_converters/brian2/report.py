"""The result of a validation."""

from __future__ import annotations

from dataclasses import dataclass

from spikelet_converters.brian2.differences import Divergence, LayerReport, earliest
from spikelet_converters.brian2.sampling import Mode


@dataclass(frozen=True)
class ValidationReport:
    """The comparison of a bundle on an engine with Brian2.

    Attributes:
        bundle: Name of the bundle.
        digest: Digest of the bundle.
        exact: Whether the network is exact.
        engine: Name of the engine.
        brian2_version: Version of Brian2.
        images: Number of images N.
        steps: Number of time-steps T.
        mode: "whole" or "by layer".
        target: Brian2's code generation target.
        seed: Seed of the sample.
        eps: Relative tolerance of ties.
        seconds: Duration.
        layers: Spiking layers in topological order, then the output, whose potentials are the summed logits.
    """

    bundle: str
    digest: str
    exact: bool
    engine: str
    brian2_version: str
    images: int
    steps: int
    mode: Mode
    target: str
    seed: int
    eps: float
    seconds: float
    layers: tuple[LayerReport, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing differs; in float32 bundles, whether all differences are at or after ties."""
        return all(layer.ok for layer in self.layers)

    @property
    def first_divergence(self) -> Divergence | None:
        """The earliest difference, by time-step, then by layer; real differences come before ties."""
        first = [layer.first_divergence for layer in self.layers if layer.first_divergence is not None]
        return earliest(first, self.exact)

    def total(self, field: str) -> int:
        """Return the sum of a field over the layers."""
        return sum(int(getattr(layer, field)) for layer in self.layers)

    def as_json(self) -> dict[str, object]:
        """Return the report as JSON values."""
        first = self.first_divergence
        facts: dict[str, object] = {
            "ok": self.ok,
            "brian2_version": self.brian2_version,
            "bundle": self.bundle,
            "digest": self.digest,
            "arithmetic": "exact" if self.exact else "float32",
            "engine": self.engine,
            "images": self.images,
            "steps": self.steps,
            "mode": self.mode,
            "target": self.target,
            "seed": self.seed,
            "seconds": round(self.seconds, 2),
            "first_divergence": None if first is None else first.as_json(),
            "layers": [layer.as_json() for layer in self.layers],
        }
        if not self.exact:
            facts["ties"] = {
                "eps": self.eps,
                "at_ties": self.total("ties"),
                "after_ties": self.total("after_ties"),
                "real": self.total("real"),
                "drifting_potentials": self.total("drifts"),
            }
        return facts
