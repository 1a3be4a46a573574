"""Number formatting."""


def minus(text: str) -> str:
    """Replace hyphens in the text of a number by minus signs."""
    return text.replace("-", "−")
