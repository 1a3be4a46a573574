"""Keep collections of garbage short, although a test run loads millions of objects that stay."""

import gc


def freeze_what_is_alive() -> None:
    """Collect garbage, then exempt all objects that are alive from later collections.

    Measurements of memory collect garbage before they begin, and Brian2 does before each of its runs: 0.3 seconds each
    time, where torch, sympy and thousands of collected tests are looked through again.
    """
    gc.collect()
    gc.freeze()
