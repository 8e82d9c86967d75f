"""Plays ../scenario.json: scenario.py URL PREFIX SCENARIO OUT. What the actions mean is in ../README.md."""

import json
import os
import sys

import numpy as np

from stepd import NoAnswer, Refusal, Retry, Session, Transport, apply_updates

url, prefix, path, out = sys.argv[1:5]
worker, workers = [int(number) for number in sys.argv[5:]] or (0, None)
with open(path) as file:
    scenario = json.load(file)
shapes = {tensor["name"]: tensor["shape"] for tensor in scenario["tensors"]}
sizes = {name: int(np.prod(shape)) for name, shape in shapes.items()}
total = sum(sizes.values())
transport = Transport(url, api_key=os.environ.get("STEPD_API_KEY"), retry=Retry(base=0.005))
sessions, params, written = {}, {}, []


def named(packed):
    starts = np.cumsum([0, *sizes.values()])
    return {name: packed[start : start + sizes[name]] for name, start in zip(shapes, starts)}


def packed(tensors):
    return np.concatenate([tensors[name].reshape(-1) for name in shapes]) if isinstance(tensors, dict) else tensors.copy()


def expect(what, found, expected):
    if not np.array_equal(found, expected):
        raise AssertionError(f"{what}: {found}, expected {expected}")


def open_session(action):
    initial = (((np.arange(total) * 29) % 255 - 127) / 64).astype(np.float32)
    spec = {}
    if "chain" in action:
        spec = {"chain": action["chain"], "tensors": shapes, "params": initial if action.get("keep") else None}
    if workers:
        spec |= {"workers": workers, "worker": f"worker-{worker}"}
    name = action.get("session", action["as"])
    sessions[action["as"]] = Session.open(transport, f"{prefix}-{name}", **spec)
    params[action["as"]] = initial


def step(action):
    who = action["as"]
    session, of = sessions[who], action.get("of", "updates")
    form = named if action.get("form") == "named" else np.copy
    for _ in range(action.get("times", 1)):
        i, s, k = np.arange(action.get("elements", total)), session.current_step + 1, action.get("salt", 0) + worker
        grads = (((i * 73 + s * 37 + k * 11) % 255 - 127) / 128).astype(np.float32)
        options = {key: action[key] for key in ("dtype", "reply", "value", "hyperparams") if key in action}
        result = session.step(form(grads), of=of, params=form(params[who]) if action.get("send") else None, **options)
        if "replayed" in action:
            expect("replayed", result.replayed, True)
        if of == "params":
            params[who] = packed(result.params)
        else:
            apply_updates(params[who], packed(result.updates))


def change(action):
    while True:  # No number tells a repeated change from a second one: the client leaves it to its caller.
        try:
            return sessions[action["as"]].set_hyperparams(action["hyperparams"])
        except NoAnswer:
            continue


def fetch(action):
    params[action["as"]] = packed(sessions[action["as"]].params())


actions = {
    "open": open_session,
    "step": step,
    "set": change,
    "describe": lambda action: expect("step", sessions[action["as"]].describe()["step"], action.get("step")),
    "fetch": fetch,
    "compare": lambda action: expect("kept", packed(sessions[action["as"]].params()), params[action["as"]]),
    "write": lambda action: written.append(params[action["as"]].tobytes()),
    "delete": lambda action: sessions[action["as"]].delete(),
}

for action in scenario["actions"]:
    code = None
    try:
        actions[action["do"]](action)
    except Refusal as refusal:
        code = refusal.code
    if code != action.get("error"):
        raise SystemExit(f"{action}: {code}, expected {action.get('error')}")
with open(out, "wb") as file:
    file.write(b"".join(written))
