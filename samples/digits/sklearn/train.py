"""Train a digit classifier with scikit-learn and save a model package.

    python train.py --data_url DATA --train_url OUTPUT [--epochs 12]

Input: the four IDX .gz files of an MNIST-layout dataset in DATA (a writable copy: the unpacked
files go to DATA/MNIST/raw). Output: OUTPUT/model/ with digits.joblib, config.json and
customize_service.py, ready to be registered. Unknown arguments are refused (exit 2).
"""

from __future__ import annotations

import argparse
import gzip
import shutil
import struct
import sys
import time
from pathlib import Path

import joblib
import numpy as np
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def unpack(data_url: Path) -> Path:
    """Unpack the four files to MNIST/raw inside ``data_url``; return that folder."""
    raw = data_url / "MNIST" / "raw"
    raw.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        source = data_url / f"{name}.gz"
        if not source.exists():
            sys.exit(f"Input file {name}.gz is missing in {data_url}: check the data_url input.")
        with gzip.open(source, "rb") as packed, (raw / name).open("wb") as plain:
            shutil.copyfileobj(packed, plain)
    return raw


def read_idx(path: Path) -> np.ndarray:
    """Read one IDX file of unsigned bytes."""
    with path.open("rb") as file:
        zero, kind, dims = struct.unpack(">HBB", file.read(4))
        if (zero, kind) != (0, 0x08):
            sys.exit(f"{path} is not an IDX file of unsigned bytes.")
        shape = struct.unpack(f">{dims}I", file.read(4 * dims))
        return np.frombuffer(file.read(), dtype=np.uint8).reshape(shape)


def load(raw: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Pixels as floats 0..1, shape (n, rows * cols), and labels (n,)."""
    images = read_idx(raw / f"{split}-images-idx3-ubyte")
    labels = read_idx(raw / f"{split}-labels-idx1-ubyte")
    return images.reshape(len(images), -1).astype(np.float32) / 255.0, labels.astype(np.int64)


def save_package(model: MLPClassifier, train_url: Path) -> Path:
    """Write OUTPUT/model with weights, config.json and customize_service.py."""
    package = train_url / "model"
    package.mkdir(parents=True, exist_ok=True)
    joblib.dump(model, package / "digits.joblib")
    here = Path(__file__).resolve().parent
    for name in ("config.json", "customize_service.py"):
        shutil.copyfile(here / "infer" / name, package / name)
    return package


def main() -> None:
    parser = argparse.ArgumentParser(description="Digits with scikit-learn")
    parser.add_argument(
        "--data_url", type=Path, required=True, help="folder with the four IDX .gz files"
    )
    parser.add_argument(
        "--train_url", type=Path, required=True, help="folder for the model package"
    )
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--lr", type=float, default=0.002)
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--log-interval", type=int, default=10)
    args = parser.parse_args()

    # One thread is as fast for pictures this small, and on busy cores ten times faster than several
    # that wait for each other.
    threadpool_limits(1)
    raw = unpack(args.data_url)
    x_train, y_train = load(raw, "train")
    x_test, y_test = load(raw, "t10k")
    print(f"train={len(x_train)} test={len(x_test)} pixels={x_train.shape[1]}", flush=True)

    model = MLPClassifier(
        hidden_layer_sizes=(args.hidden,),
        learning_rate_init=args.lr,
        batch_size=args.batch_size,
        random_state=args.seed,
    )
    chance = np.random.default_rng(args.seed)
    classes = np.arange(10)
    started = time.monotonic()
    step = 0
    for epoch in range(1, args.epochs + 1):
        order = chance.permutation(len(x_train))
        for start in range(0, len(order), args.batch_size):
            batch = order[start : start + args.batch_size]
            if len(batch) < args.batch_size and start:
                break  # A short last batch would make the model warn about its batch size.
            model.partial_fit(x_train[batch], y_train[batch], classes=classes)
            step += 1
            if step % args.log_interval == 0:
                accuracy = model.score(x_train[batch], y_train[batch])
                print(
                    f"epoch={epoch} step={step} loss={model.loss_:.4f} accuracy={accuracy:.4f}",
                    flush=True,
                )
        print(
            f"epoch={epoch} step={step} val_accuracy={model.score(x_test, y_test):.4f} "
            f"seconds={time.monotonic() - started:.1f}",
            flush=True,
        )
    print(f"saved={save_package(model, args.train_url)}", flush=True)


if __name__ == "__main__":
    main()
