"""Train a digit classifier as scripts written for ModelArts' PyTorch 1.x images do.

    python train.py --data_url DIR --train_url DIR [--epochs 14] [--no-cuda] [--dry-run] ...

DIR of --data_url holds the four gzipped IDX files of MNIST. The script unpacks them beside the
archives, reads them through torchvision, prints a line per `--log-interval` batches and one per
test, and leaves a package for a service in `<train_url>/model/`: the weights, and the two files of
the folder `infer` beside this script.
"""

from __future__ import print_function

import argparse
import codecs
import gzip
import os
import shutil
from typing import IO, Union

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.optim.lr_scheduler import StepLR
from torchvision import datasets, transforms

ARCHIVES = {
    "train": ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"),
    "test": ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"),
}
PROCESSED = {"train": "training.pt", "test": "test.pt"}


class DigitNet(nn.Module):
    """Two convolutions and two dense layers; (n, 1, 28, 28) in, log-probabilities (n, 10) out."""

    def __init__(self):
        super(DigitNet, self).__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        )  # fmt: skip
        self.drop = nn.Dropout(0.25)
        self.dense = nn.Sequential(nn.Linear(32 * 7 * 7, 64), nn.ReLU(), nn.Linear(64, 10))

    def forward(self, pictures):
        found = self.drop(torch.flatten(self.features(pictures), 1))
        return F.log_softmax(self.dense(found), dim=1)


def opened(source: Union[str, IO]) -> IO:
    """The file of a path, unpacked on the way where it is gzipped; a file object as it is."""
    if not isinstance(source, torch._six.string_classes):
        return source
    return gzip.open(source, "rb") if source.endswith(".gz") else open(source, "rb")


def read_idx(source: Union[str, IO]) -> torch.Tensor:
    """An IDX file of unsigned bytes as a tensor of its shape."""
    with opened(source) as file:
        data = file.read()
    word = [int(codecs.encode(data[at : at + 4], "hex"), 16) for at in range(0, 16, 4)]
    dimensions = word[0] % 256
    assert word[0] // 256 == 8, "unsigned bytes are expected"
    values = np.frombuffer(data, dtype=np.uint8, offset=4 * (dimensions + 1))
    return torch.from_numpy(values.copy()).view(*word[1 : dimensions + 1])


def unpack(data_url):
    """Write what torchvision reads (MNIST/raw), and the tensors as files (MNIST/processed)."""
    raw = os.path.join(data_url, "MNIST", "raw")
    processed = os.path.join(data_url, "MNIST", "processed")
    os.makedirs(raw, exist_ok=True)
    os.makedirs(processed, exist_ok=True)
    for split, names in ARCHIVES.items():
        for name in names:
            with gzip.open(os.path.join(data_url, name)) as packed:
                with open(os.path.join(raw, os.path.splitext(name)[0]), "wb") as plain:
                    shutil.copyfileobj(packed, plain)
        images, labels = (os.path.join(raw, os.path.splitext(name)[0]) for name in names)
        torch.save(
            (read_idx(images), read_idx(labels).long()), os.path.join(processed, PROCESSED[split])
        )


def train(args, model, device, loader, optimizer, epoch):
    """One epoch; a line every `--log-interval` batches."""
    model.train()
    for batch, (data, target) in enumerate(loader):
        data, target = data.to(device), target.to(device)
        optimizer.zero_grad()
        loss = F.nll_loss(model(data), target)
        loss.backward()
        optimizer.step()
        if batch % args.log_interval == 0:
            done, share = batch * len(data), 100.0 * batch / len(loader)
            print(
                "Train Epoch: {} [{} / {}] {:.0f}%] \tLoss: {:.6f}".format(
                    epoch, done, len(loader.dataset), share, loss.item()
                )
            )
            if args.dry_run:
                break


def test(model, device, loader):
    """Loss and accuracy on the test split."""
    model.eval()
    loss, right, total = 0.0, 0, len(loader.dataset)
    with torch.no_grad():
        for data, target in loader:
            data, target = data.to(device), target.to(device)
            output = model(data)
            loss += F.nll_loss(output, target, reduction="sum").item()
            right += int((output.argmax(dim=1) == target).sum())
    print(
        "\nTest set: Average loss: {:.4f}, Accuracy: {} / {} {:.0f}%\n".format(
            loss / total, right, total, 100.0 * right / total
        )
    )


def arguments():
    """The command line; an argument that is not declared here ends the script."""
    parser = argparse.ArgumentParser(description="Digits with PyTorch")
    parser.add_argument("--data_url", type=str, default=False, help="where the data lie")
    parser.add_argument("--train_url", type=str, default=False, help="where the model goes")
    parser.add_argument("--batch-size", type=int, default=64, metavar="N")
    parser.add_argument("--test-batch-size", type=int, default=1000, metavar="N")
    parser.add_argument("--epochs", type=int, default=14, metavar="N")
    parser.add_argument("--lr", type=float, default=1.0, metavar="LR")
    parser.add_argument("--gamma", type=float, default=0.7, metavar="M")
    parser.add_argument("--no-cuda", action="store_true", default=False)
    parser.add_argument("--dry-run", action="store_true", default=False)
    parser.add_argument("--seed", type=int, default=1, metavar="S")
    parser.add_argument("--log-interval", type=int, default=10, metavar="N")
    parser.add_argument("--save-model", action="store_true", default=True)
    return parser.parse_args()


def main():
    args = arguments()
    cuda = not args.no_cuda and torch.cuda.is_available()
    device = torch.device("cuda" if cuda else "cpu")
    torch.manual_seed(args.seed)
    unpack(args.data_url)
    transform = transforms.Compose(
        [transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))]
    )
    more = {"num_workers": 1, "pin_memory": True, "shuffle": True} if cuda else {}
    loaders = [
        torch.utils.data.DataLoader(
            datasets.MNIST(args.data_url, train=split, download=False, transform=transform),
            batch_size=size,
            **more,
        )
        for split, size in ((True, args.batch_size), (False, args.test_batch_size))
    ]
    model = DigitNet().to(device)
    optimizer = optim.Adadelta(model.parameters(), lr=args.lr)
    scheduler = StepLR(optimizer, step_size=1, gamma=args.gamma)
    for epoch in range(1, args.epochs + 1):
        train(args, model, device, loaders[0], optimizer, epoch)
        test(model, device, loaders[1])
        scheduler.step()
    if args.save_model:
        package = os.path.join(args.train_url, "model")
        os.makedirs(package, exist_ok=True)
        torch.save(model.state_dict(), os.path.join(package, "digits_cnn.pt"))
        beside = os.path.join(os.path.dirname(__file__), "infer")
        for name in ("customize_service.py", "config.json"):
            shutil.copyfile(os.path.join(beside, name), os.path.join(package, name))


if __name__ == "__main__":
    main()
