"""`ImageSet`: images with labels, as returned by all data readers."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from spikelet.errors import DataError

SUBSET_SEED = 0


@dataclass(frozen=True)
class ImageSet:
    """Images of equal shape, with labels.

    Attributes:
        images: (N, C, H, W) uint8, pixel values 0…255.
        labels: (N,) int64 class indices, or None.
        classes: Names of the classes by index, or None.
        name: Name of the data in results.

    Raises:
        DataError: The images or labels have a wrong shape or dtype, or a label is negative.
    """

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64] | None
    classes: tuple[str, ...] | None
    name: str

    def __post_init__(self) -> None:
        if self.images.dtype != np.uint8 or self.images.ndim != 4:
            raise DataError(
                f"{self.name}: images must be uint8 of shape (N, C, H, W), "
                f"found {self.images.dtype} {self.images.shape}"
            )
        if self.labels is not None:
            if self.labels.shape != (len(self.images),):
                raise DataError(
                    f"{self.name}: expected one label for each of {len(self.images)} images, "
                    f"found labels of shape {self.labels.shape}"
                )
            if self.labels.size and self.labels.min() < 0:
                raise DataError(f"{self.name}: labels must be 0 or more, found {self.labels.min()}")

    def __len__(self) -> int:
        return len(self.images)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of one image."""
        _, channels, height, width = self.images.shape
        return channels, height, width

    @property
    def class_count(self) -> int:
        """Number of classes: of `classes`, or else the largest label plus 1."""
        if self.classes is not None:
            return len(self.classes)
        if self.labels is None or not self.labels.size:
            raise DataError(f"{self.name}: has no labels; put each class into a folder of its own")
        return int(self.labels.max()) + 1

    def renamed(self, name: str) -> ImageSet:
        """Return the same images with another name."""
        return replace(self, name=name)

    def sample(self, per_class: int, seed: int) -> ImageSet:
        """Draw `per_class` random images of every class, in random order."""
        if self.labels is None:
            raise DataError(f"{self.name}: has no labels to draw by")
        rng = np.random.default_rng(seed)
        chosen = [rng.permutation(np.flatnonzero(self.labels == k))[:per_class] for k in range(self.class_count)]
        return self.take(rng.permutation(np.concatenate(chosen)))

    def take(self, index: npt.NDArray[np.intp] | slice) -> ImageSet:
        """Return the images selected by `index`, in its order."""
        labels = None if self.labels is None else self.labels[index]
        return replace(self, images=self.images[index], labels=labels)

    def subset(self, count: int) -> ImageSet:
        """Draw at most `count` random images with a fixed seed, since data sets are often sorted by class."""
        if count >= len(self):
            return self
        return self.take(np.random.default_rng(SUBSET_SEED).permutation(len(self))[:count])

    def with_classes(self, classes: tuple[str, ...] | None) -> ImageSet:
        """Return the same images with labels that index `classes`, matched by name if both have names.

        Raises:
            DataError: A class of the images is not in `classes`.
        """
        if self.labels is None or classes is None or self.classes is None or self.classes == classes:
            return self
        unknown = [name for name in self.classes if name not in classes]
        if unknown:
            raise DataError(
                f"{self.name}: unknown class {unknown[0]!r}; expected one of {', '.join(classes)}; "
                "rename the class folders to match"
            )
        index = np.array([classes.index(name) for name in self.classes])
        return ImageSet(self.images, index[self.labels], classes, self.name)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of shape, pixels and labels. Equal data has equal digests."""
        sha = hashlib.sha256(repr(self.images.shape).encode())
        sha.update(np.ascontiguousarray(self.images).data)
        if self.labels is not None:
            sha.update(np.ascontiguousarray(self.labels).data)
        return sha.hexdigest()
