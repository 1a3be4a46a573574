"""Divide calculations of torch among threads by samples, instead of dividing every operation.

torch divides each operation among the cores and waits for all of them at its end. If other processes occupy a core,
each of the thousands of operations of a conversion waits for a thread that cannot run: beside eight other processes on
two cores, the conversion of a resnet18 took 65 s of processor time with two threads of torch, and 12 s with one. Within
`divided`, torch therefore uses one thread, and `in_threads` and `by_samples` give parts of the work to threads. The
parts of a batch have a fixed size, so that results do not depend on the number of cores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import Tensor

from spikelet.thread_limit import ThreadLimit

PART = 32  # samples

Result = TypeVar("Result")

_limit = ThreadLimit(torch.get_num_threads, torch.set_num_threads)


@contextmanager
def divided() -> Iterator[None]:
    """Limit torch to one thread inside the block, where `in_threads` uses as many threads as torch did before.

    The setting applies to the process.
    """
    with _limit(1):
        yield


def in_threads(function: Callable[[int], Result], numbers: Iterable[int]) -> Iterator[Result]:
    """Yield `function(number)` for each number in order. Outside of `divided`, one thread evaluates all.

    Examples:
        >>> list(in_threads(lambda start: start + 1, range(0, 6, 2)))
        [1, 3, 5]
    """
    with ThreadPoolExecutor(_limit.saved or 1) as pool:
        yield from pool.map(function, numbers)


def by_samples(function: Callable[[Tensor], Tensor], samples: Tensor) -> Tensor:
    """Return `function(samples)`, evaluated for parts of the batch.

    Args:
        function: Function of one sample that takes batches. Each call should take milliseconds.
        samples: (N, …), N above 0.

    Returns:
        (N, …).

    Examples:
        >>> by_samples(torch.square, torch.arange(100.0)).sum()
        tensor(328350.)
    """
    count = len(samples)
    if count <= PART:
        return function(samples)
    first = function(samples[:PART])
    result = first.new_empty((count, *first.shape[1:]))
    result[:PART] = first

    def evaluate(start: int) -> None:
        result[start : start + PART] = function(samples[start : start + PART])

    for _ in in_threads(evaluate, range(PART, count, PART)):
        pass
    return result
