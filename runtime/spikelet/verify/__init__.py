"""Record golden inputs with their spikes and logits, and replay them on an engine or through step.onnx."""

from spikelet.verify.golden import (
    Divergence,
    Verification,
    compare,
    first_divergence,
    golden_inputs,
    golden_steps,
    record_golden,
    replay,
    verify,
)
from spikelet.verify.step import StepVerification, verify_step

__all__ = [
    "Divergence",
    "StepVerification",
    "Verification",
    "compare",
    "first_divergence",
    "golden_inputs",
    "golden_steps",
    "record_golden",
    "replay",
    "verify",
    "verify_step",
]
