"""The inspector: a window that shows what happens inside a converted network.

`models/` holds what is shown, without Qt; `views/` shows it and listens to it; `cli/` is the command `spikelet gui`.
"""
