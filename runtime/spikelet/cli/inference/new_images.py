"""Find the images in a folder that are new or changed."""

from __future__ import annotations

from pathlib import Path

Version = tuple[int, int, int]  # inode, size and time of the last change of a file


def new_images(folder: Path, seen: dict[Path, tuple[Version, bool]], wait: bool) -> list[Path]:
    """Return the images that are new or changed; with `wait`, only those that have stopped changing.

    Args:
        folder: The folder.
        seen: By file, its last version and whether it was returned. It is updated; deleted files are removed.
        wait: Whether a version must be the same at two checks.
    """
    from spikelet.data.folder import is_image

    ready: list[Path] = []
    present: dict[Path, tuple[Version, bool]] = {}
    for path in sorted(folder.iterdir()):
        if not is_image(path):
            continue
        try:
            status = path.stat()
        except OSError:  # deleted meanwhile
            continue
        version = (status.st_ino, status.st_size, status.st_mtime_ns)
        last, returned = seen.get(path, (None, False))
        due = version != last if not wait else version == last and not returned
        if due:
            ready.append(path)
        present[path] = (version, due or (version == last and returned))
    seen.clear()
    seen.update(present)
    return ready
