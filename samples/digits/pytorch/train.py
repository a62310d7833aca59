"""Train a small convolutional digit classifier with PyTorch and save a model package.

    python train.py --data_url DATA --train_url OUTPUT [--epochs 12]

Input: the four IDX .gz files of an MNIST-layout dataset in DATA (a writable copy: the unpacked
files go to DATA/MNIST/raw). Output: OUTPUT/model/ with mnist_cnn.pt (a state_dict), config.json
and customize_service.py, ready to be registered. Unknown arguments are refused (exit 2).
"""

from __future__ import annotations

import argparse
import gzip
import shutil
import struct
import sys
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
MEAN, STD = 0.1307, 0.3081


class Net(nn.Module):
    """Two convolutions, two dense layers; the same network as in infer/customize_service.py."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3)
        self.conv2 = nn.Conv2d(16, 32, 3)
        self.dropout = nn.Dropout(0.25)
        self.fc1 = nn.Linear(32 * 5 * 5, 64)
        self.fc2 = nn.Linear(64, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = F.relu(self.fc1(self.dropout(torch.flatten(x, 1))))
        return F.log_softmax(self.fc2(x), dim=1)


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


def load(raw: Path, split: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Normalised images, shape (n, 1, rows, cols), and labels (n,)."""
    images = read_idx(raw / f"{split}-images-idx3-ubyte")
    labels = read_idx(raw / f"{split}-labels-idx1-ubyte")
    pixels = torch.tensor(images, dtype=torch.float32).unsqueeze(1) / 255.0
    return (pixels - MEAN) / STD, torch.tensor(labels, dtype=torch.int64)


def shifted(images: torch.Tensor) -> torch.Tensor:
    """Move every picture by up to two pixels each way, so that place counts less."""
    moves = torch.randint(-2, 3, (len(images), 2)).tolist()
    return torch.stack(
        [image.roll(move, dims=(1, 2)) for image, move in zip(images, moves, strict=True)]
    )


def save_package(model: nn.Module, train_url: Path) -> Path:
    """Write OUTPUT/model with weights, config.json and customize_service.py."""
    package = train_url / "model"
    package.mkdir(parents=True, exist_ok=True)
    torch.save(model.state_dict(), package / "mnist_cnn.pt")
    here = Path(__file__).resolve().parent
    for name in ("config.json", "customize_service.py"):
        shutil.copyfile(here / "infer" / name, package / name)
    return package


def accuracy_of(output: torch.Tensor, labels: torch.Tensor) -> float:
    """Share of rows whose largest value stands at the label."""
    return (output.argmax(dim=1) == labels).float().mean().item()


def main() -> None:
    parser = argparse.ArgumentParser(description="Digits with PyTorch")
    parser.add_argument(
        "--data_url", type=Path, required=True, help="folder with the four IDX .gz files"
    )
    parser.add_argument(
        "--train_url", type=Path, required=True, help="folder for the model package"
    )
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--lr", type=float, default=0.002)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--log-interval", type=int, default=10)
    args = parser.parse_args()

    # One thread is as fast for pictures this small, and on busy cores ten times faster than several
    # that wait for each other.
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    raw = unpack(args.data_url)
    x_train, y_train = load(raw, "train")
    x_test, y_test = load(raw, "t10k")
    print(f"train={len(x_train)} test={len(x_test)} shape={tuple(x_train.shape[1:])}", flush=True)

    model = Net()
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    started = time.monotonic()
    step = 0
    for epoch in range(1, args.epochs + 1):
        model.train()
        for batch in torch.randperm(len(x_train)).split(args.batch_size):
            optimizer.zero_grad()
            output = model(shifted(x_train[batch]))
            loss = F.nll_loss(output, y_train[batch])
            loss.backward()
            optimizer.step()
            step += 1
            if step % args.log_interval == 0:
                accuracy = accuracy_of(output, y_train[batch])
                print(
                    f"epoch={epoch} step={step} loss={loss.item():.4f} accuracy={accuracy:.4f}",
                    flush=True,
                )
        model.eval()
        with torch.no_grad():
            output = model(x_test)
            val_loss = F.nll_loss(output, y_test).item()
        print(
            f"epoch={epoch} step={step} val_loss={val_loss:.4f} "
            f"val_accuracy={accuracy_of(output, y_test):.4f} "
            f"seconds={time.monotonic() - started:.1f}",
            flush=True,
        )
    print(f"saved={save_package(model, args.train_url)}", flush=True)


if __name__ == "__main__":
    main()
