"""Names of the members of a bundle, in their order."""

from __future__ import annotations

from spikelet.bundle import golden, schema
from spikelet.bundle.step import STEP

MANIFEST, WEIGHTS, GOLDEN, CARD = "manifest.json", schema.WEIGHTS, golden.MEMBER, "card.md"
MEMBERS = (MANIFEST, WEIGHTS, STEP, GOLDEN, CARD)
