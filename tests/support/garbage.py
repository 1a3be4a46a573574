"""Keep garbage collections short, although a test run loads millions of permanent objects."""

import gc


def freeze_what_is_alive() -> None:
    """Collect garbage, then exempt all objects that are alive from later collections.

    Measurements of memory collect garbage before they begin, and Brian2 does before each of its runs: 0.3 seconds each
    time, because torch, sympy and thousands of collected tests are traversed again.
    """
    gc.collect()
    gc.freeze()
