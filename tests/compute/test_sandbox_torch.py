"""What PyTorch needs of the kernel is there: threads, worker processes, shared memory."""

from __future__ import annotations

import pytest

from compute.runner.spec import Limits
from tests.compute.helpers import Lab
from tests.engines import PYTORCH, engine_python

PROGRAM = """
import multiprocessing, os, subprocess, tempfile
import numpy, torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

x = torch.randn(256, 8)
loader = DataLoader(TensorDataset(x, x.sum(1, keepdim=True)), batch_size=32, num_workers=2)
model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 1))
optimizer = torch.optim.SGD(model.parameters(), 0.01)
for xs, ys in loader:
    optimizer.zero_grad()
    nn.functional.mse_loss(model(xs), ys).backward()
    optimizer.step()

def work(queue, tensor, taken):
    tensor += 1
    queue.put(torch.ones(100_000))
    taken.wait()  # the memory goes with its maker

if __name__ == "__main__":
    for way in ("fork", "spawn", "forkserver"):
        context = torch.multiprocessing.get_context(way)
        queue, shared = context.SimpleQueue(), torch.zeros(4).share_memory_()
        taken = context.Event()
        process = context.Process(target=work, args=(queue, shared, taken))
        process.start()
        print(way, int(queue.get().sum()), shared.sum().item())
        taken.set()
        process.join()
    with multiprocessing.Pool(2) as pool:
        print(sum(pool.map(abs, range(-5, 5))))
    print(torch.get_num_threads() > 0, float((torch.ones(500, 500) @ torch.ones(500, 500))[0, 0]))
    print(numpy.linalg.norm(numpy.eye(300)) > 17)
    with tempfile.NamedTemporaryFile() as kept:
        torch.save(model.state_dict(), kept.name)
        torch.load(kept.name, mmap=True)
    print(subprocess.run("seq 3 | sort -r | head -1", shell=True, capture_output=True).stdout)
    print("DONE")
"""


@pytest.mark.slow
def test_pytorch_works_as_before(lab: Lab) -> None:
    engine = engine_python(PYTORCH).parents[1]
    limits = Limits(memory_mb=2048, pids=256, file_size_mb=64, disk_mb=256, tmp_mb=64)
    attempt = lab.launch(lab.spec(PROGRAM, engine=str(engine), limits=limits))
    seen = lab.wait(attempt)
    log = lab.log(attempt)
    assert seen.state["outcome"] == "succeeded", log
    assert "DONE" in log
    assert all(f"{way} 100000 4.0" in log for way in ("fork", "spawn", "forkserver")), log
