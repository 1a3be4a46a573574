"""The inspector: a window that shows the layers, spikes and measurements of a bundle.

`models/` computes and stores the state, without Qt; `views/` shows it with Qt; `cli/` is the command `spikelet gui`.
"""
