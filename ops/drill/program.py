"""The program that the drill's job runs: known numbers in the log, known bytes in the outputs.

It is uploaded and run in the sandbox, so it needs the standard library only. ``content`` is also
what the drill compares the stored objects with.
"""

import argparse
import hashlib
import signal
import sys
import time
from pathlib import Path

SIZE = 4096


def content(seed: str, number: int) -> bytes:
    """The bytes of output ``number``: they depend on nothing but the job's seed."""
    block, out = f"{seed} {number}".encode(), b""
    while len(out) < SIZE:
        block = hashlib.sha256(block).digest()
        out += block
    return out[:SIZE]


def main() -> int:
    command = argparse.ArgumentParser()
    command.add_argument("--train_url", required=True)
    command.add_argument("--data_url")
    command.add_argument("--seed", required=True)
    command.add_argument("--files", type=int, required=True)
    command.add_argument("--steps", type=int, required=True)
    command.add_argument("--last_words", type=float, default=0.0)
    options = command.parse_args()

    def asked_to_stop(_number: int, _frame: object) -> None:
        sys.stdout.write("saving before the end\n")
        sys.stdout.flush()
        time.sleep(options.last_words)
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, asked_to_stop)
    for step in range(options.steps):
        sys.stdout.write(f"step={step} loss={1 / (step + 1):.6f}\n")
        sys.stdout.flush()
        time.sleep(0.5)
    for number in range(options.files):
        path = Path(options.train_url, f"part-{number:03}.bin")
        path.write_bytes(content(options.seed, number))
    return 0


if __name__ == "__main__":
    sys.exit(main())
