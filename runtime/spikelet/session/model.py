"""The public interface: load a bundle, run it on inputs, and read the result of every time-step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from spikelet import bundle as bundles
from spikelet import options, shipped
from spikelet.bundle import Bundle
from spikelet.display import html, line
from spikelet.engines import Engine, choose, create
from spikelet.engines.arguments import MAX_THREADS
from spikelet.errors import BundleError, Translating
from spikelet.graph import Graph
from spikelet.inputs import ENGINE_BATCH, BatchLayout, as_sequence, resolve_steps
from spikelet.limits import Limits
from spikelet.session.batches import run_steps, run_window
from spikelet.session.early_exit import ExitRule, as_rule
from spikelet.session.results import Result, Step, joined
from spikelet.session.stream import OnLimit, frames_of, run_frames

LAYERS = "the name of a layer or a sequence of names, such as model.graph.spiking"
NAME_CHARACTERS = 100  # of what can be meant as the name of a shipped bundle


class Model:
    """A converted network on one engine.

    Args:
        bundle: The bundle to run.
        engine: "auto", "numpy", "onnx" or "native".
        threads: Number of threads, per operator (onnx), per batch (numpy) or per batch or image (native); None for
            the default.
        limits: Limits on memory and operations; None for those of the environment, see `Limits`.

    Attributes:
        bundle: The bundle.
        engine: Name of the engine.
        threads: Number of threads, or None for the default of the engine.
        limits: Limits on memory and operations.

    Raises:
        UsageError: An argument is of a wrong type.
        EngineError: There is no engine of that name.
        CostError: One sample in one time-step needs more than the limits permit.

    Examples:
        >>> import numpy as np, spikelet
        >>> model = spikelet.load("vgg9-cifar10", engine="numpy")
        >>> model.graph.input.shape, model.graph.classes
        ((3, 32, 32), 10)
    """

    def __init__(
        self, bundle: Bundle, engine: str = "auto", threads: int | None = None, limits: Limits | None = None
    ) -> None:
        options.instance("bundle", bundle, Bundle)
        if limits is not None:
            options.instance("limits", limits, Limits)
        self.bundle = bundle
        self.limits = Limits() if limits is None else limits
        self.threads = None if threads is None else options.whole("threads", threads, 1, MAX_THREADS)
        self._auto = isinstance(engine, str) and engine == "auto"
        self.engine = choose(bundle.graph, engine, self.limits)
        self._neurons = {name: bundle.graph.neurons(name) for name in bundle.graph.spiking}
        self._idle: dict[tuple[str, ...], Engine] = {}

    def __getstate__(self) -> dict[str, object]:
        """Return the attributes for `pickle` and `copy`, without engines: each copy creates its own."""
        return {**self.__dict__, "_idle": {}}

    def __repr__(self) -> str:
        """Return the name, the engine and the sizes of the network in one line."""
        return line("Model", self.bundle.manifest.name, {"engine": self.engine, **self.bundle.facts()})

    def _repr_html_(self) -> str:
        """Return a table for notebooks."""
        return html(f"Model {self.bundle.manifest.name}", {"engine": self.engine, **self.bundle.facts()})

    @property
    def graph(self) -> Graph:
        """The graph of the network."""
        return self.bundle.graph

    @property
    def labels(self) -> tuple[str, ...] | None:
        """Class names, or None if the bundle has none."""
        return self.bundle.manifest.labels

    def run(
        self,
        inputs: object,
        steps: int | None = None,
        *,
        early_exit: ExitRule | float | None = None,
        record: str | Sequence[str] = (),
        layout: BatchLayout = "auto",
        on_progress: Callable[[int, int], None] | None = None,
    ) -> Result:
        """Run a batch of any size.

        Args:
            inputs: One sample (*shape), a batch (N, *shape), both presented at every time-step, or a sequence
                (T, N, *shape); for one channel also (H, W) or (N, H, W); or a Pillow image or a list of them. See
                `spikelet.inputs.as_sequence`.
            steps: Number of time-steps T; by default that of the bundle (`Bundle.default_steps`), or the length of the
                sequence.
            early_exit: Rule that stops samples before T, such as `Confidence(0.9)`; a number is a `Margin`.
            record: Layer or layers whose spikes and potentials are kept, T·N·neurons values of each;
                `model.graph.spiking` for all layers.
            layout: "NCHW" or "NHWC" where images could be read either way.
            on_progress: Called with (samples done, number of samples); None for nothing.

        Raises:
            DataError: The input does not match the network.
            UsageError: An option is of a wrong type; `steps` is below 1, above the proven number of time-steps, or not
                the length of the sequence.
            EngineError: A layer in `record` is not a spiking layer.
            CostError: The run needs more memory than the limit permits, even with batches of one sample.
            OutOfMemory: The system has no memory left.

        Examples:
            >>> import numpy as np, spikelet
            >>> model = spikelet.load("vgg9-cifar10", engine="numpy")
            >>> result = model.run(np.zeros((3, 32, 32)), early_exit=spikelet.Margin(0.0))
            >>> result.exit_steps
            array([1])
        """
        if on_progress is not None:
            options.function("on_progress", on_progress)
        rule = as_rule(early_exit)
        layers = options.names("record", record, LAYERS)
        sequence = as_sequence(self.graph, inputs, layout)
        bundle = self.bundle
        steps = resolve_steps(steps, len(sequence), bundle.step_limit, default=bundle.default_steps)
        samples = sequence.shape[1]
        self._widen(steps)
        engine = self._idle.pop(layers, None) or self._engine(layers)
        engine.widen(steps)
        self.check(samples, steps, layers)
        # a known number of time-steps of a constant input may be evaluated layer by layer
        window = rule is None and len(sequence) == 1
        size = engine.fitting(min(ENGINE_BATCH, samples), steps if window else None)
        parts = []
        for start in range(0, samples, size):
            part = sequence[:, start : start + size]
            with Translating("run"):
                if window and not layers and engine.fits(part.shape[1], steps):
                    parts.append(run_window(engine, part[0], steps, self._neurons))
                else:
                    parts.append(run_steps(engine, part, steps, rule, self._neurons))
            if on_progress is not None:
                on_progress(min(start + size, samples), samples)
        if engine.name == self.engine:  # which another run may have replaced meanwhile, see _widen
            self._idle[layers] = engine
        if len(parts) == 1:
            return parts[0]
        with Translating("run"):
            return joined(parts)

    def check(self, samples: int, steps: int, record: Sequence[str] = ()) -> None:
        """Raise CostError if the results of a run need more memory than the limit permits.

        Args:
            samples: Number of samples N.
            steps: Number of time-steps T.
            record: Recorded layers.
        """
        values = 8 * (self.graph.classes + len(self.graph.spiking))
        values += sum(5 * self.graph.neurons(name) for name in record if name in self.graph.spiking)
        results = 1 if samples <= ENGINE_BATCH else 2  # those of the batches, and all of them together
        subject = f"results of {samples} samples in {steps} time-steps"
        self.limits.check(subject, results * samples * steps * values)

    def stream(
        self,
        inputs: object,
        steps: int | None = None,
        *,
        on_limit: OnLimit = "refuse",
        record: str | Sequence[str] = (),
        layout: BatchLayout = "auto",
    ) -> Iterator[Step]:
        """Run one sample and yield a `Step` after every time-step; leave the loop to stop early.

        Args:
            inputs: One sample, a sequence (T, 1, *shape), or an iterator that yields one sample per time-step.
            steps: Number of time-steps; by default that of the bundle, or the length of the sequence or iterator.
            on_limit: Behaviour after `exact_steps` time-steps: "refuse" raises UsageError, "reset" continues from the
                initial potentials and logits of 0 (see `Step.age`).
            record: Layer or layers whose spikes and potentials are kept.
            layout: "NCHW" or "NHWC" where images could be read either way.

        Raises:
            DataError: An input does not match the network.
            UsageError: There is more than one sample, or there are more time-steps than are proven exact.

        Examples:
            >>> import numpy as np, spikelet
            >>> model = spikelet.load("vgg9-cifar10", engine="numpy")
            >>> for step in model.stream(np.zeros((3, 32, 32))):
            ...     if step.time == 2:
            ...         break
            >>> step.logits.shape
            (10,)
        """
        options.choice("on_limit", on_limit, ("refuse", "reset"))
        layers = options.names("record", record, LAYERS)
        frames = frames_of(self.bundle, inputs, steps, on_limit, layout)
        # a separate engine, since the model may run other inputs while the stream is open
        return run_frames(self._engine(layers), self.bundle, frames, on_limit)

    def _widen(self, steps: int) -> None:
        """Select another engine if "auto" selected one that is not exact for `steps` time-steps."""
        exact = self.bundle.manifest.exact_steps
        if not self._auto or exact is None or steps <= exact:
            return
        engine = choose(self.graph, "auto", self.limits, steps)
        if engine != self.engine:
            self.engine = engine
            self._idle.clear()

    def _engine(self, record: tuple[str, ...]) -> Engine:
        return create(self.graph, self.engine, record, self.threads, self.limits)


def load(path: str | Path, engine: str = "auto", threads: int | None = None, limits: Limits | None = None) -> Model:
    """Load a bundle.

    Args:
        path: The bundle file (.snnb), or the name of a shipped bundle, such as "vgg9-cifar10".
        engine: "auto", "numpy", "onnx" or "native".
        threads: Number of threads, per operator (onnx), per batch (numpy) or per batch or image (native); None for
            the default.
        limits: Limits on memory and operations; None for those of the environment.

    Raises:
        BundleError: The file violates the format.
        SignatureError: The signature policy requires a trusted signature that the file does not have.
        EngineError: There is no engine of that name.
        UsageError: An argument is of a wrong type.
        CostError: One image in one time-step needs more memory or operations than the limits permit.

    Examples:
        >>> import spikelet
        >>> spikelet.load("vgg9-cifar10", engine="numpy").engine
        'numpy'
    """
    path = shipped.located(options.path("path", path))
    with Translating(f"bundle {path!s}", BundleError):
        is_short_name = path.name == str(path) and not path.suffix and len(path.name) <= NAME_CHARACTERS
        if is_short_name and not path.exists():  # meant as the name of a shipped bundle
            names = ", ".join(bundle.stem for bundle in shipped.bundles()) or "none"
            raise BundleError.at(str(path), f"no such file; shipped bundles: {names}")
        bundle = bundles.read(path)
    return Model(bundle, engine, threads, limits)
