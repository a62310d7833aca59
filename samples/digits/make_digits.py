"""Write the digits dataset in MNIST layout, and pictures to try a trained model with.

    python make_digits.py OUT_DIR

The source is the 1,797 real handwritten 8 x 8 scans that come with scikit-learn (test part of the
UCI "Optical Recognition of Handwritten Digits" set): no download. Every scan is enlarged three
times (nearest neighbour) and padded by two black pixels to 28 x 28. 1,437 scans become the
training split, 360 the test split, stratified by class; the result is the same on every run.

OUT_DIR/data/     train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz,
                  t10k-images-idx3-ubyte.gz, t10k-labels-idx1-ubyte.gz
OUT_DIR/heldout/  20 test scans (two per digit) as white-on-black PNGs, and labels.json
"""

from __future__ import annotations

import argparse
import gzip
import json
import struct
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

TEST_COUNT = 360
SEED = 7
HELDOUT_PER_CLASS = 2


def scans_28() -> tuple[np.ndarray, np.ndarray]:
    """All scans as uint8 (n, 28, 28), white on black, and their labels (n,)."""
    digits = load_digits()
    pixels = np.round(digits.images * (255 / 16)).astype(np.uint8)
    enlarged = pixels.repeat(3, axis=1).repeat(3, axis=2)
    return np.pad(enlarged, ((0, 0), (2, 2), (2, 2))), digits.target.astype(np.uint8)


def split() -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """(train images, labels), (test images, labels): 1,437 and 360 scans."""
    images, labels = scans_28()
    train, test = train_test_split(
        np.arange(len(labels)), test_size=TEST_COUNT, stratify=labels, random_state=SEED
    )
    return (images[train], labels[train]), (images[test], labels[test])


def write_idx(path: Path, values: np.ndarray) -> None:
    """Write unsigned bytes as gzipped IDX; the same input gives the same bytes."""
    header = struct.pack(f">BBBB{values.ndim}I", 0, 0, 0x08, values.ndim, *values.shape)
    path.write_bytes(gzip.compress(header + values.tobytes(), mtime=0))


def write_dataset(folder: Path) -> None:
    """Write the four IDX files into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, (images, labels) in zip(("train", "t10k"), split(), strict=True):
        write_idx(folder / f"{name}-images-idx3-ubyte.gz", images)
        write_idx(folder / f"{name}-labels-idx1-ubyte.gz", labels)


def write_heldout(folder: Path) -> None:
    """Write two test scans of every digit as PNG, and labels.json: {file name: digit}."""
    folder.mkdir(parents=True, exist_ok=True)
    images, labels = split()[1]
    answers = {}
    for digit in range(10):
        for place in np.flatnonzero(labels == digit)[:HELDOUT_PER_CLASS]:
            name = f"scan-{place:03d}.png"
            Image.fromarray(images[place]).save(folder / name)
            answers[name] = digit
    (folder / "labels.json").write_text(json.dumps(answers, indent=1, sort_keys=True) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the digits dataset in MNIST layout.")
    parser.add_argument("out_dir", type=Path)
    args = parser.parse_args()
    write_dataset(args.out_dir / "data")
    write_heldout(args.out_dir / "heldout")
    print(f"data={args.out_dir / 'data'} heldout={args.out_dir / 'heldout'}")


if __name__ == "__main__":
    main()
