"""`ImageSet`: images with labels, as returned by all data readers."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from spikelet import options
from spikelet.array_fields import ArrayFields
from spikelet.data.classes import matched, numbered, ordered
from spikelet.data.labels import MOST_LABEL
from spikelet.errors import DataError, UsageError, translated
from spikelet.escapes import printable
from spikelet.nodes import Shape

SUBSET_SEED = 0


@dataclass(frozen=True, eq=False, repr=False)
class ImageSet(ArrayFields):
    """Images of equal shape, with labels.

    Attributes:
        images: (N, C, H, W) uint8, pixel values 0…255, or (N, F) for networks that take (F,).
        labels: (N,) class indices, converted to int64, or None.
        classes: Names of the classes by index, or None.
        name: Name of the data in results. Here and in `classes`, characters that are not printable are escaped.
        files: Name of the file of each image, or () if the images are not separate files.
        provenance: Conversion of measured values to 0…255, as entries of a bundle's provenance; empty for pixels.
        columns: Number of classes that one-hot labels had, or None.

    Raises:
        UsageError: An argument is of a wrong type.
        DataError: The images or labels have a wrong shape or dtype, or a label is negative.

    Examples:
        >>> import numpy as np
        >>> pixels, labels = np.zeros((4, 1, 8, 8), np.uint8), np.array([0, 1, 1, 0])
        >>> images = ImageSet(pixels, labels, ("cat", "dog"), "four images")
        >>> len(images), images.shape, images.class_count, len(images.subset(2))
        (4, (1, 8, 8), 2, 2)
    """

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64] | None
    classes: tuple[str, ...] | None
    name: str
    files: tuple[str, ...] = ()
    provenance: Mapping[str, object] = field(default_factory=dict)
    columns: int | None = None

    def __post_init__(self) -> None:
        options.instance("ImageSet.images", self.images, np.ndarray)
        options.unmasked("ImageSet.images", self.images)
        if self.labels is not None:
            options.instance("ImageSet.labels", self.labels, np.ndarray)
            if self.labels.dtype.kind not in "ui":
                raise DataError(f"{self.name}: labels must be whole numbers, found {self.labels.dtype}")
        if self.classes is not None:
            options.instances("ImageSet.classes", self.classes, str)
            object.__setattr__(self, "classes", tuple(map(printable, self.classes)))
        options.instance("ImageSet.name", self.name, str)
        object.__setattr__(self, "name", printable(self.name))
        options.instances("ImageSet.files", self.files, str)
        if self.images.dtype != np.uint8 or self.images.ndim not in (2, 4):
            raise DataError(
                f"{self.name}: images must be uint8 of shape (N, C, H, W) or (N, F), "
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
            if self.labels.size and self.labels.max() > MOST_LABEL:
                raise DataError(f"{self.name}: labels must be at most {MOST_LABEL:,}, found {self.labels.max()}")
            if self.classes is not None and self.labels.size and self.labels.max() >= len(self.classes):
                raise DataError(
                    f"{self.name}: has a label of {self.labels.max()}, but {len(self.classes)} names of classes"
                )
            object.__setattr__(self, "labels", self.labels.astype(np.int64, copy=False))

    def __len__(self) -> int:
        return len(self.images)

    @property
    def shape(self) -> Shape:
        """(C, H, W) of one image, or (F,)."""
        return self.images.shape[1:]

    @property
    def class_count(self) -> int:
        """Number of classes: of `classes` or one-hot labels, or else the largest label plus 1."""
        if self.classes is not None:
            return len(self.classes)
        if self.columns is not None:
            return self.columns
        if self.labels is None or not self.labels.size:
            raise DataError(f"{self.name}: has no labels; put each class into a separate folder")
        return int(self.labels.max()) + 1

    def renamed(self, name: str) -> ImageSet:
        """Return the same images with another name."""
        return replace(self, name=name)

    def sample(self, per_class: int, seed: int) -> ImageSet:
        """Draw at most `per_class` random images of every class, in random order.

        Raises:
            UsageError: `per_class` or `seed` is not a whole number of 0 or more.
            DataError: The images have no labels.
        """
        per_class, seed = options.whole("per_class", per_class, 0), options.whole("seed", seed, 0)
        if self.labels is None:
            raise DataError(f"{self.name}: has no labels, which sampling by class needs")
        rng = np.random.default_rng(seed)
        chosen = [rng.permutation(np.flatnonzero(self.labels == k))[:per_class] for k in range(self.class_count)]
        return self.take(rng.permutation(np.concatenate(chosen)))

    def take(self, index: npt.NDArray[np.intp] | slice) -> ImageSet:
        """Return the images selected by `index`, in its order.

        Args:
            index: (M,) indices, an (N,) mask or a slice.

        Raises:
            UsageError: `index` is anything else, or an index is beyond the images.
        """
        try:
            selected = np.arange(len(self))[index]
        except Exception as error:
            raise translated(error, f"{self.name}, images by index", UsageError) from error
        if selected.ndim != 1:
            raise UsageError(f"{self.name}: expected indices, a mask or a slice, found {options.shown(index)}")
        labels = None if self.labels is None else self.labels[index]
        files = tuple(self.files[position] for position in selected) if self.files else ()
        return replace(self, images=self.images[index], labels=labels, files=files)

    def subset(self, count: int) -> ImageSet:
        """Draw at most `count` random images with a fixed seed, since data sets are often sorted by class.

        Raises:
            UsageError: `count` is not a whole number of 0 or more.
        """
        count = options.whole("count", count, 0)
        if count >= len(self):
            return self
        return self.take(np.random.default_rng(SUBSET_SEED).permutation(len(self))[:count])

    def with_classes(self, classes: tuple[str, ...] | None, count: int | None = None) -> ImageSet:
        """Return the same images with labels converted to the indices of a network's classes.

        Class names are matched by the rules of `spikelet.data.classes`. Classes without images need no match.

        Args:
            classes: Names of the network's classes by index, or None if it has none.
            count: Number of the network's classes, or None if it is not known.

        Raises:
            DataError: A class of the images is not one of the network's, or the names do not determine it.
            UsageError: An argument is of a wrong type.
        """
        if classes is not None:
            options.instances("classes", classes, str)
        count = None if count is None else options.whole("count", count)
        if self.labels is None or not self.labels.size:
            return self
        count = len(classes) if classes is not None else count
        try:
            if self.classes is None:
                self._check_labels(count)
                return self
            if self.classes == classes or (classes is None and count is None):
                return self
            used = [self.classes[k] for k in np.unique(self.labels)]
            index = np.zeros(len(self.classes), np.int64)
            if classes is not None:
                index[np.unique(self.labels)] = matched(used, classes)
            elif count is not None:
                names = used if numbered(self.classes) is None and numbered(used) is not None else list(self.classes)
                index[[self.classes.index(name) for name in names]] = ordered(names, count, used)
        except DataError as error:
            raise error.locate(self.name) from None
        names_by_index = classes if classes is not None else self._names_by_index(index, count)
        return replace(self, labels=index[self.labels], classes=names_by_index)

    def _names_by_index(self, index: npt.NDArray[np.int64], count: int | None) -> tuple[str, ...]:
        """Return the names of the classes by index; a class without a name has its index."""
        assert self.classes is not None
        names = [str(k) for k in range(count or 0)]
        for k in np.unique(self.labels):  # type: ignore[arg-type]
            names[index[k]] = self.classes[k]
        return tuple(names)

    def _check_labels(self, count: int | None) -> None:
        assert self.labels is not None
        if count is not None and self.columns not in (None, count):
            raise DataError(
                f"has one-hot labels of {self.columns} classes, the network has {count}; save labels.argmax(1) if they "
                "are the indices of its classes"
            )
        if count is None or self.labels.max() < count:
            return
        one_based = self.labels.min() == 1 and self.labels.max() == count
        hint = "; they begin with 1, indices begin with 0: subtract 1" if one_based else ""
        raise DataError(f"has a label of {self.labels.max()}, the network's classes are 0…{count - 1}{hint}")

    @cached_property
    def digest(self) -> str:
        """SHA-256 of shape, pixels and labels. Equal data has equal digests."""
        sha = hashlib.sha256(repr(self.images.shape).encode())
        sha.update(np.ascontiguousarray(self.images).data)
        if self.labels is not None:
            sha.update(np.ascontiguousarray(self.labels).data)
        return sha.hexdigest()
