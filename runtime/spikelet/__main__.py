"""Entry point of `python -m spikelet`."""

from spikelet.cli import main

raise SystemExit(main())
