"""Arrange the recordings of the Free Spoken Digit Dataset as folders of classes: OUT/train/7/7_jackson_32.wav.

By the rule of the data set, recordings 0 to 4 of each speaker and digit are the test split. With --held-out, all
recordings of one speaker are the test split, and all others the training split.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

TEST_INDICES = range(5)


def main() -> None:
    """Copy the recordings into folders."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recordings", type=Path, metavar="RECORDINGS", help="folder of DIGIT_SPEAKER_INDEX.wav")
    parser.add_argument("out", type=Path, metavar="OUT", help="new folder")
    parser.add_argument("--held-out", metavar="SPEAKER", help="speaker whose recordings are the test split")
    args = parser.parse_args()
    count = 0
    for path in sorted(args.recordings.glob("*_*_*.wav")):
        digit, speaker, index = path.stem.split("_")
        test = int(index) in TEST_INDICES if args.held_out is None else speaker == args.held_out
        folder = args.out / ("test" if test else "train") / digit
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, folder)
        count += 1
    print(f"{args.out}: {count:,} recordings")


if __name__ == "__main__":
    main()
