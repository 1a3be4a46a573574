"""Actions of the window that its parts may call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Action = Callable[[], object]


@dataclass(frozen=True)
class Actions:
    """Commands of the window.

    Attributes:
        open_bundle: ask for a bundle and open it.
        open_picture: ask for a picture, a folder or a data set and show it.
        paste: show the picture or the file on the clipboard.
        draw: show an empty pad to draw an input on.
        run: run what the current panel runs.
        export: ask for a file and write the current panel to it.
        toggle_theme: switch between dark and light.
        show_keys: show the list of keys.
        quit: close the window.
        show_panel: show the panel of that name.
        scroll: scroll the current panel by pages, up where negative.
    """

    open_bundle: Action
    open_picture: Action
    paste: Action
    draw: Action
    run: Action
    export: Action
    toggle_theme: Action
    show_keys: Action
    quit: Action
    show_panel: Callable[[str], object]
    scroll: Callable[[int], object]
