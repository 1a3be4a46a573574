"""Entry point of the command `spikelet` and of `python -m spikelet`."""

import sys

INTERRUPTED = 130  # exit code of shells for a program that Ctrl-C ended


def main() -> int:
    """Run one command and return its exit code, see `spikelet.cli.main`; Ctrl-C may come while modules are imported."""
    try:
        from spikelet import cli

        return cli.main()
    except KeyboardInterrupt:
        print("spikelet: interrupted", file=sys.stderr)
        return INTERRUPTED


if __name__ == "__main__":
    raise SystemExit(main())
