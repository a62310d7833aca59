"""The program of the load's jobs: it trains nothing, but lives, logs and measures like one that
does. It is uploaded and runs in the sandbox, so it needs the standard library only."""

import argparse
import random
import sys
import time
from pathlib import Path

PAUSE = 0.5  # seconds between two lines


def main() -> int:
    command = argparse.ArgumentParser()
    command.add_argument("--train_url", required=True)
    command.add_argument("--data_url")
    command.add_argument("--seed", type=int, required=True)
    command.add_argument("--steps", type=int, required=True)
    options = command.parse_args()
    chance = random.Random(options.seed)
    loss = 2.3
    for step in range(options.steps):
        loss *= chance.uniform(0.9, 1.0)
        sys.stdout.write(f"step={step} loss={loss:.4f} accuracy={1 / (1 + loss):.4f}\n")
        if step % 10 == 0:
            sys.stdout.write(f"checkpoint {step // 10} of seed {options.seed} written\n")
        sys.stdout.flush()
        time.sleep(PAUSE)
    Path(options.train_url, "result.txt").write_text(f"{loss}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
