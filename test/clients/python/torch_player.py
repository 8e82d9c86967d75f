"""Plays a worker of ../several.json by PyTorch's adapter: torch_player.py URL PREFIX SCENARIO OUT WORKER WORKERS."""

import json
import sys

import numpy as np
import torch

import stepd.torch

url, prefix, path, out = sys.argv[1:5]
worker, workers = [int(number) for number in sys.argv[5:]]
with open(path) as file:
    scenario = json.load(file)
opened, *actions = scenario["actions"]
shapes = {tensor["name"]: tensor["shape"] for tensor in scenario["tensors"]}
sizes = [int(np.prod(shape)) for shape in shapes.values()]
places = np.arange(sum(sizes))


def tensors(values):
    parts = torch.from_numpy(values.astype(np.float32)).split(sizes)
    return [part.reshape(shape).clone() for part, shape in zip(parts, shapes.values())]


params = [torch.nn.Parameter(tensor) for tensor in tensors(((places * 29) % 255 - 127) / 64)]
optimizer = stepd.torch.Optimizer(
    [(name.replace("/", "."), param) for name, param in zip(shapes, params)],
    opened["chain"],
    url=url,
    session=f"{prefix}-{opened['as']}",
    keep_params=opened["keep"],
    workers=workers,
    worker=f"worker-{worker}",
)
for action in actions:
    if action["do"] == "step":
        for _ in range(action["times"]):
            step = optimizer.session.current_step + 1
            for param, grad in zip(params, tensors(((places * 73 + step * 37 + worker * 11) % 255 - 127) / 128)):
                param.grad = grad
            optimizer.step()
    elif action["do"] == "compare":
        kept = optimizer.session.params()
        for name, param in zip(shapes, params):
            if not np.array_equal(kept[name].reshape(-1), param.detach().numpy().reshape(-1)):
                raise SystemExit(f"{name}: {param}, the server has {kept[name]}")
with open(out, "wb") as file:
    for param in params:
        file.write(param.detach().numpy().tobytes())
