"""Types of decoded documents (JSON, TOML, checkpoints), whose values have no static type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Document = dict[str, Any]
ReadOnlyDocument = Mapping[str, Any]
