"""Answer chains as Optax does: a request a line comes in, an answer a line goes out, both JSON.

    {"id", "chain", "shapes", "params", "gradients", "losses"}  ->  {"id", "updates", "moved"}  or  {"id", "refused"}

Arrays are base64 of little-endian float64. Parameters after a step are those before it plus the update, in float32.
`moved` says for each step how far the update goes when all gradients and parameters move by one unit in their last
place, of `float32` and of `float64`. With `updates` in the request the answer is `moved` alone: how far from those
updates Optax is in float32 and in float64, also when what transformations hand on moves by a unit in its last place.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import sys
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "vectors"))

# Without XLA's simplifier, which makes 0 of `False * NaN`, but of scalars only: so that where `MultiSteps` multiplies,
# NaN would be 0 in tensors of rank 0 alone. JAX reads this when it is imported.
os.environ["XLA_FLAGS"] = "--xla_disable_hlo_passes=algsimp"

from generate import decode, encode, pack, started, transformation_of, unpack, widen

import jax
import jax.numpy as jnp
import numpy as np
import optax
from adapters import Shapes
from optax._src import base

cond, fori_loop, scan = jax.lax.cond, jax.lax.fori_loop, jax.lax.scan


def chosen(
    condition: Any, true_fun: Callable[..., Any], false_fun: Callable[..., Any], *operands: Any, **operand: Any
) -> Any:
    """`lax.cond`, which compiles both branches anew at each step: that takes a hundred times as long as to run one."""
    if isinstance(condition, jax.core.Tracer):
        return cond(condition, true_fun, false_fun, *operands, **operand)
    return (true_fun if condition else false_fun)(*operands, *operand.values())


def repeated(lower: Any, upper: Any, body: Callable[[Any, Any], Any], init: Any, **options: Any) -> Any:
    """`lax.fori_loop`, likewise."""
    if not isinstance(lower, int) or not isinstance(upper, int):
        return fori_loop(lower, upper, body, init, **options)
    return functools.reduce(lambda x, i: body(i, x), range(lower, upper), init)


def scanned(f: Callable[[Any, Any], Any], init: Any, xs: Any = None, **options: Any) -> Any:
    """`lax.scan` over what is known, likewise."""
    leaves = jax.tree.leaves(xs)
    if not leaves or any(isinstance(x, jax.core.Tracer) for x in [*leaves, *jax.tree.leaves(init)]):
        return scan(f, init, xs, **options)
    order = range(len(leaves[0]))
    carry, made = init, {}
    for i in reversed(order) if options.get("reverse") else order:
        carry, made[i] = f(carry, jax.tree.map(lambda x, i=i: x[i], xs))
    return carry, jax.tree.map(lambda *ys: jnp.stack(ys), *(made[i] for i in order))


jax.lax.cond, jax.lax.fori_loop, jax.lax.scan = chosen, repeated, scanned
# Compiled for each tree anew.
optax.tree.bias_correction = optax.tree.bias_correction.__wrapped__

with_extra_args_support = base.with_extra_args_support
nudging: list[tuple[type[np.floating], np.random.Generator]] = []


def nudged(x: Any) -> Any:
    kept = np.float64 if jax.config.jax_enable_x64 else np.float32
    if not nudging or isinstance(x, jax.core.Tracer) or x.dtype != kept:
        return x
    return jnp.asarray(shifted(np.asarray(x), *nudging[-1]).astype(kept))


def loosened(transformation: optax.GradientTransformation) -> optax.GradientTransformationExtraArgs:
    """Every transformation that another holds: what it hands on moves while something is in `nudging`."""
    inner = with_extra_args_support(transformation)

    def update(updates: Any, state: Any, params: Any = None, **extra: Any) -> tuple[Any, Any]:
        updates, state = inner.update(updates, state, params, **extra)
        return jax.tree.map(nudged, updates), state

    return optax.GradientTransformationExtraArgs(inner.init, update)


base.with_extra_args_support = loosened


def after(params: np.ndarray, update: np.ndarray) -> np.ndarray:
    """The next parameters, in float32; where there is no finite one, as before."""
    moved = (params + update).astype(np.float32).astype(np.float64)
    return np.where(np.isfinite(moved), moved, params)


def shifted(values: np.ndarray, dtype: type[np.floating], rng: np.random.Generator) -> np.ndarray:
    """Each number the next one up or down, as chance has it; zeros stay."""
    toward = np.where(rng.random(values.shape) < 0.5, -np.inf, np.inf).astype(dtype)
    return np.where(values == 0, values, np.nextafter(values.astype(dtype), toward).astype(np.float64))


def chance(request: dict[str, Any], draw: int) -> np.random.Generator:
    """The same for a chain wherever it comes among others."""
    return np.random.default_rng([zlib.crc32(request["chain"].encode()), zlib.crc32(request["params"].encode()), draw])


def farthest(distances: list[float | None]) -> float | None:
    return None if None in distances else max(d for d in distances if d is not None)


def distance(one: np.ndarray, other: np.ndarray) -> float | None:
    """Over what is finite; None where that is not the same."""
    finite = np.isfinite(other)
    if (np.isfinite(one) != finite).any():
        return None
    return float(np.linalg.norm(one[finite] - other[finite]))


class Run:
    """A chain on one sequence of inputs."""

    def __init__(self, transformation: optax.GradientTransformationExtraArgs, state: Any, shapes: Shapes) -> None:
        self.transformation, self.state, self.shapes = transformation, state, shapes

    def step(self, gradient: np.ndarray, params: np.ndarray, loss: float) -> np.ndarray:
        updates, self.state = self.transformation.update(
            unpack(gradient, self.shapes), self.state, unpack(params, self.shapes), value=jnp.asarray(loss)
        )
        return pack(updates).astype(np.float64)


def answer(request: dict[str, Any]) -> dict[str, Any]:
    shapes = {name: tuple(shape) for name, shape in request["shapes"].items()}
    params, chain = decode(request["params"]), request["chain"]
    transformation, state = started(chain, unpack(params, shapes), shapes)
    plain = Run(transformation, state, shapes)

    def beside(dtype: type[np.floating], draw: int) -> tuple[type[np.floating], np.random.Generator, Run]:
        """A run on inputs that moved."""
        rng = chance(request, draw)
        state = widen(transformation.init(unpack(shifted(params, dtype, rng), shapes)))
        return dtype, rng, Run(transformation, state, shapes)

    others = [beside(np.float32, 0), beside(np.float32, 1), beside(np.float64, 2)]
    updates: list[str] = []
    moved: dict[str, list[float | None]] = {"float32": [], "float64": []}
    for packed, loss in zip(request["gradients"], request["losses"], strict=True):
        gradient = decode(packed)
        update = plain.step(gradient, params, loss)
        updates.append(encode(update))
        distances: dict[str, list[float | None]] = {dtype: [] for dtype in moved}
        for dtype, rng, run in others:
            own = run.step(shifted(gradient, dtype, rng), shifted(params, dtype, rng), loss)
            distances[dtype.__name__].append(distance(own, update))
        for dtype, found in distances.items():
            moved[dtype].append(farthest(found))
        params = after(params, update)
    return {"updates": updates, "moved": moved}


def narrow(request: dict[str, Any]) -> dict[str, Any]:
    """How far roundings on the way lead; they are a matter of chance, so some times over."""
    shapes = {name: tuple(shape) for name, shape in request["shapes"].items()}
    params, updates = decode(request["params"]), [decode(u) for u in request["updates"]]
    steps = list(zip(map(decode, request["gradients"]), request["losses"], updates, strict=True))

    def away(move: Callable[[np.ndarray], np.ndarray]) -> list[float | None]:
        transformation = transformation_of(request["chain"], shapes)
        state = transformation.init(unpack(move(params), shapes))
        run = Run(transformation, widen(state) if jax.config.jax_enable_x64 else state, shapes)
        distances, p = [], params
        for gradient, loss, update in steps:
            distances.append(distance(run.step(move(gradient), move(p), loss), update))
            p = after(p, update)
        return distances

    def moving(dtype: type[np.floating], draw: int) -> Callable[[np.ndarray], np.ndarray]:
        return functools.partial(shifted, dtype=dtype, rng=chance(request, draw))

    def loose(dtype: type[np.floating], draw: int) -> list[float | None]:
        # Singular vectors are of numbers in float32, in either.
        own = np.float32 if "galore" in request["chain"] else dtype
        nudging.append((own, chance(request, draw)))
        try:
            return away(moving(dtype, draw))
        finally:
            nudging.pop()

    # Where a sign is all that is left of a rounding, each has an even chance to have that of the updates; where singular
    # values are equal, two of three have the vectors of the updates.
    times = 10 if "galore" in request["chain"] else 4
    with jax.enable_x64(False):
        singles = [away(np.copy), *(away(moving(np.float32, draw)) for draw in (3, 4))]
        singles += [loose(np.float32, draw) for draw in range(100, 100 + times)]
    doubles = [loose(np.float64, draw) for draw in range(200, 200 + times)]
    worst = {"float32": singles, "float64": doubles}
    return {"moved": {dtype: [farthest(list(d)) for d in zip(*runs, strict=True)] for dtype, runs in worst.items()}}


def main() -> None:
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    print(json.dumps({"optax": optax.__version__}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            # Whatever is printed on the way is no answer.
            with contextlib.redirect_stdout(sys.stderr):
                reply = narrow(request) if "updates" in request else answer(request)
        except Exception as error:  # noqa: BLE001 - whatever Optax says of a chain is the answer
            text = str(error).strip()
            reply = {"refused": f"{type(error).__name__}: {text.splitlines()[0] if text else ''}"[:300]}
        print(json.dumps({"id": request["id"], **reply}), flush=True)


if __name__ == "__main__":
    main()
