"""Actions of the window that its parts can call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Action = Callable[[], object]


@dataclass(frozen=True)
class Actions:
    """Commands of the window.

    Attributes:
        open_bundle: Ask for a bundle and open it.
        open_picture: Ask for an image or a data set and open it.
        paste: Open the image or the file on the clipboard.
        draw: Show an empty drawing pad.
        find: Give the focus to the search field of the current panel.
        run: Start the task of the current panel.
        export: Ask for a file and write the current panel to it.
        copy: Copy the current panel to the clipboard as an image.
        toggle_theme: Switch between dark and light.
        show_keys: Show the list of keys.
        quit: Close the window.
        show_panel: Show the panel of that name.
        scroll: Scroll the current panel by pages; negative is up.
    """

    open_bundle: Action
    open_picture: Action
    paste: Action
    draw: Action
    find: Action
    run: Action
    export: Action
    copy: Action
    toggle_theme: Action
    show_keys: Action
    quit: Action
    show_panel: Callable[[str], object]
    scroll: Callable[[int], object]
