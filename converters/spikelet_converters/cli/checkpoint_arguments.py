"""Arguments of commands that read checkpoints."""

from __future__ import annotations

import argparse


def add_network(parser: argparse._ActionsContainer) -> None:
    """Add the option --network."""
    help_text = "definition of the network, for a checkpoint of train --model FILE.py:NAME; its code is run"
    parser.add_argument("--network", metavar="FILE.py:NAME", help=help_text)
