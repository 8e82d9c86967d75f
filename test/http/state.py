"""State against Python's own `safetensors`: read what the server gives, write it, put it back.

    npm start &
    python3 -m venv venv && venv/bin/pip install safetensors numpy
    venv/bin/python test/http/state.py http://127.0.0.1:8080

Not one of the ordinary tests, which need no Python.
"""

import json
import struct
import sys
import urllib.request

import numpy
from safetensors.numpy import load, save

url = sys.argv[1].rstrip("/") + "/v1/sessions/python-state"
tensors = [{"name": "dense/kernel", "shape": [3, 4]}, {"name": "bias", "shape": []}]
gradients = numpy.linspace(-1, 2, 13, dtype="<f4")


def call(method, path, body=None, kind="application/json", status=200):
    request = urllib.request.Request(url + path, body, {"content-type": kind}, method=method)
    with urllib.request.urlopen(request) as answer:
        assert answer.status == status, answer.status
        return answer.read()


def step(number):
    """A step as msgpack, by hand: {step, grads}."""
    data = gradients.tobytes()
    body = b"\x82\xa4step" + bytes([number]) + b"\xa5grads\xc6" + struct.pack(">I", len(data)) + data
    call("POST", "/steps", body, "application/msgpack")


call("PUT", "", json.dumps({"chain": "chain(clip(10.0), adam(0.1))", "tensors": tensors}).encode(), status=201)
try:
    step(1)
    file = call("GET", "/state")
    state = load(file)
    assert sorted(state) == sorted(
        ["1.scale_by_adam.count"]
        + [f"1.scale_by_adam.{slot}/{tensor['name']}" for slot in ("mu", "nu") for tensor in tensors]
    ), sorted(state)
    assert state["1.scale_by_adam.count"].dtype == numpy.float64 and state["1.scale_by_adam.count"] == 1
    mu = state["1.scale_by_adam.mu/dense/kernel"]
    assert mu.shape == (3, 4) and mu.dtype == numpy.float32
    assert numpy.allclose(mu.ravel(), 0.1 * gradients[:12], rtol=1e-6)
    assert numpy.allclose(state["1.scale_by_adam.nu/bias"], 0.001 * gradients[12] ** 2, rtol=1e-6)
    length = struct.unpack("<Q", file[:8])[0]
    metadata = json.loads(file[8 : 8 + length])["__metadata__"]
    assert metadata["step"] == "1", metadata
    doubled = {name: numpy.asarray(values * (2 if "mu" in name else 1)) for name, values in state.items()}
    again = save(doubled, metadata)
    step(2)
    assert json.loads(call("PUT", "/state", again, "application/octet-stream"))["step"] == 1
    back = load(call("GET", "/state"))
    assert (back["1.scale_by_adam.mu/dense/kernel"] == 2 * mu).all()
    step(2)
finally:
    call("DELETE", "", status=204)
print(f"{len(state)} tensors read, written and read again with safetensors")
