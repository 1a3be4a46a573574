"""Number formatting."""


def minus(text: str) -> str:
    """Replace hyphens in the text of a number by minus signs."""
    return text.replace("-", "−")


def short_percent(share: float) -> str:
    """Format a share with three significant digits, such as 100%, 33.3% or 0.1%."""
    return f"{100 * share:.3g}%"
