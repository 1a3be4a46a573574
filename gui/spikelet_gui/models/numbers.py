"""Number formatting."""


def minus(text: str) -> str:
    """The text of a number with a minus sign, and not a hyphen."""
    return text.replace("-", "−")
