"""Names of the members of a bundle, in their order, and the check of the model card."""

from __future__ import annotations

from spikelet.bundle import golden, schema, strict_json
from spikelet.bundle.step import STEP, too_large
from spikelet.errors import BundleError

MANIFEST, WEIGHTS, GOLDEN, CARD = "manifest.json", schema.WEIGHTS, golden.MEMBER, "card.md"
MEMBERS = (MANIFEST, WEIGHTS, STEP, GOLDEN, CARD)
MAX_CARD = 2**20


def decoded_card(content: memoryview) -> str:
    """Return the text of the model card.

    Raises:
        BundleError: It is too large, or not plain text in UTF-8.
    """
    if len(content) > MAX_CARD:
        raise too_large(CARD, len(content), MAX_CARD)
    try:
        text = bytes(content).decode()
        strict_json.check_text(text, allowed="\n\t")
    except ValueError as error:  # includes UnicodeDecodeError
        raise BundleError.at(CARD, f"not plain UTF-8 text ({error})") from None
    return text
