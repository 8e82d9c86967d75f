"""Make the test vectors: what Optax itself answers, in float64, to ten steps of gradients.

    python generate.py                  write inputs.json and one file per name
    python generate.py adam sgd         write these files only
    python generate.py --check [adam]   make them again and compare with what is written
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import sys
import types
from pathlib import Path
from typing import Any

# One thread: the order of a sum, and so its last bit, must not depend on the machine's cores.
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["XLA_FLAGS"] = (
    f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
)

import jax
import jax.numpy as jnp
import numpy as np
import optax
import optax.contrib

from adapters import LookaheadState, Shapes, names
from chains import CHAINS

jax.config.update("jax_enable_x64", True)


def power_decay(i: jax.typing.ArrayLike, exponent: jax.typing.ArrayLike = 0.8) -> jax.Array:
    """Adafactor's decay in float64: Optax's own casts the step to float32."""
    return 1.0 - (jnp.asarray(i, jnp.float64) + 1) ** (-exponent)


# The default of `decay_rate_fn`, which cannot be named in a chain.
*DEFAULTS, _ = optax.scale_by_factored_rms.__defaults__
optax.scale_by_factored_rms.__defaults__ = (*DEFAULTS, power_decay)



def singular(x: jax.Array, **options: Any) -> tuple[jax.Array, jax.Array, jax.Array]:
    """The singular value decomposition with a sign for each vector: the first number farthest from 0 is positive."""
    u, s, vh = jnp.linalg.svd(x, **options)

    def signs(vectors: jax.Array) -> jax.Array:
        sizes = jnp.abs(vectors)
        # The largest of several that are equal is a matter of rounding.
        first = (sizes >= sizes.max(0) * (1 - 2**-20)).argmax(0, keepdims=True)
        return jnp.where(jnp.take_along_axis(vectors, first, 0) < 0, -1.0, 1.0)

    return u * signs(u), s, vh * signs(vh.T).T


class Float64Numpy:
    """`jax.numpy` for GaLore, which else computes its projectors in float32, with signs as LAPACK has them."""

    float32 = jnp.float64
    linalg = types.SimpleNamespace(svd=singular)

    def __getattr__(self, name: str) -> Any:
        return getattr(jnp, name)


optax.contrib._galore.jnp = Float64Numpy()

FOLDER = Path(__file__).parent
SEED = 20111
TOLERANCE = 1e-13  # of the update's norm, with --check

# Every rank up to 4. JAX walks a dict by sorted key, so the declared order is the sorted one.
SHAPES: dict[str, tuple[int, ...]] = {
    "bias": (5,),
    "conv": (2, 1, 3, 4),
    "dense": (3, 7),
    "embed": (2, 3, 5),
    "gain": (),
}
SIZE = sum(int(np.prod(shape)) for shape in SHAPES.values())

# The size of each step's gradients: clips fire at some steps and not at others.
# At step 5 the global norm is exactly 4, at step 6 all gradients are zero.
EXACT, ZERO = "exact", "zero"
STEPS: list[float | str] = [0.3, 1.0, 10.0, 0.02, EXACT, ZERO, 3.0, 1e-3, 30.0, 1.0]
# The loss at each step, for the transformations that look at it: falling, with a plateau and a rise.
LOSSES = [8.0, 5.0, 4.5, 4.5, 4.5, 6.0, 3.0, 1.5, 1.5, 0.25]

Tree = dict[str, jax.Array]


def gradients(rng: np.random.Generator) -> list[np.ndarray]:
    """Ten steps, exact in float32 too, so that engines of less precision start from the same numbers."""
    steps = []
    for size in STEPS:
        draw = rng.standard_normal(SIZE).astype(np.float32)
        if size == ZERO:
            draw[:] = 0
        elif size == EXACT:
            draw = np.where(np.arange(SIZE) < SIZE - 64, 0, np.copysign(np.float32(0.5), draw))
        else:
            draw *= np.float32(size)
        draw[0] = 0  # a parameter that never gets a gradient
        steps.append(draw.astype(np.float64))
    return steps


def unpack(packed: np.ndarray, shapes: Shapes = SHAPES) -> Tree:
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes.values()])
    parts = np.split(packed, ends[:-1])
    return {name: jnp.asarray(part.reshape(shape)) for (name, shape), part in zip(shapes.items(), parts, strict=True)}


def pack(tree: Tree) -> np.ndarray:
    """All tensors back to back, in JAX's order: sorted by name."""
    return np.concatenate([np.asarray(tree[name]).ravel() for name in sorted(tree)])


def encode(packed: np.ndarray) -> str:
    return base64.b64encode(packed.astype("<f8").tobytes()).decode()


def decode(text: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), "<f8")


def widen(state: Any) -> Any:
    """Make counters int64: JAX divides an int32 array in float32 even with x64, and schedules divide by counts.

    Make state float64 that is float32 by default, such as the first parameters, which are exact in float32.
    reduce_on_plateau stays as it is: its branches must agree on int32, and what it divides is float64 already.
    """
    wide = {jnp.dtype("int32"): jnp.int64, jnp.dtype("float32"): jnp.float64}

    def keeps(x: Any) -> bool:
        is_key = hasattr(x, "dtype") and jnp.issubdtype(x.dtype, jax.dtypes.prng_key)
        return is_key or isinstance(x, optax.contrib.ReduceLROnPlateauState)

    return jax.tree.map(lambda x: x if keeps(x) else x.astype(wide.get(x.dtype, x.dtype)), state, is_leaf=keeps)


def transformation_of(chain: str, shapes: Shapes = SHAPES) -> optax.GradientTransformationExtraArgs:
    """The chain that an expression stands for."""
    return optax.with_extra_args_support(eval(chain, {**names(shapes), "optax": optax, "jnp": jnp}))  # noqa: S307


def started(chain: str, tree: Tree, shapes: Shapes = SHAPES) -> tuple[optax.GradientTransformationExtraArgs, Any]:
    """The chain that an expression stands for, and its state at the start; all of it float64."""
    transformation = transformation_of(chain, shapes)
    state = widen(transformation.init(tree))
    jaxpr = str(jax.make_jaxpr(transformation.update)(tree, state, tree, value=jnp.asarray(LOSSES[0])))
    if "f32[" in jaxpr:
        raise TypeError(f"{chain} computes in float32, expected float64 throughout:\n{jaxpr}")
    return transformation, state


def evaluation_of(state: Any, tree: Tree) -> Tree | None:
    """The parameters to evaluate with, where they are not those that were trained."""
    if isinstance(state, optax.contrib.ScheduleFreeState):
        return optax.contrib.schedule_free_eval_params(state, tree)
    return state.slow if isinstance(state, LookaheadState) else None


def run(chain: str, params: np.ndarray, grads: list[np.ndarray]) -> tuple[list[np.ndarray], Tree | None]:
    """The updates of the chain that the expression `chain` stands for, step by step, and what to evaluate with then."""
    tree = unpack(params)
    transformation, state = started(chain, tree)

    answers = []
    for gradient, loss in zip(grads, LOSSES, strict=True):
        updates, state = transformation.update(unpack(gradient), state, tree, value=jnp.asarray(loss))
        tree = optax.apply_updates(tree, updates)
        answers.append(pack(updates))
        if answers[-1].dtype != np.float64 or not np.isfinite(answers[-1]).all():
            raise ValueError(f"{chain} gives {answers[-1]} at step {len(answers)}, expected finite float64")
    return answers, evaluation_of(state, tree)


def files(only: list[str]) -> dict[str, dict[str, Any]]:
    """What is written: file name -> content."""
    rng = np.random.default_rng(SEED)
    params = rng.standard_normal(SIZE).astype(np.float32).astype(np.float64)
    grads = gradients(rng)
    out: dict[str, dict[str, Any]] = {
        "inputs": {
            "seed": SEED,
            "tensors": [{"name": name, "shape": list(shape)} for name, shape in SHAPES.items()],
            "params": encode(params),
            "gradients": [encode(g) for g in grads],
            "losses": LOSSES,
        }
    }
    for name, chains in CHAINS.items():
        if only and name not in only:
            continue
        vectors = []
        for label, chain in chains.items():
            updates, evaluation = run(chain, params, grads)
            vector = {"name": f"{name}/{label}", "chain": chain, "updates": [encode(u) for u in updates]}
            vectors.append(vector if evaluation is None else {**vector, "evaluation": encode(pack(evaluation))})
        out[name] = {"optax": optax.__version__, "vectors": vectors}
    return out


def difference(old: dict[str, Any], new: dict[str, Any]) -> float:
    """The largest distance between two files' arrays, relative to the array's norm; all else must be equal."""

    def arrays(vector: dict[str, Any]) -> list[str]:
        return [*vector["updates"], *([vector["evaluation"]] if "evaluation" in vector else [])]

    def rest(content: dict[str, Any]) -> Any:
        vectors = content.get("vectors", [])
        return {**content, "vectors": [(v["name"], v["chain"], len(arrays(v))) for v in vectors]}

    if rest(old) != rest(new):
        return float("inf")
    worst = 0.0
    for was, now in zip(old.get("vectors", []), new.get("vectors", []), strict=True):
        for a, b in zip(map(decode, arrays(was)), map(decode, arrays(now)), strict=True):
            distance = float(np.linalg.norm(a - b))
            worst = max(worst, distance and distance / float(np.linalg.norm(a)))
    return worst


def check(fresh: dict[str, dict[str, Any]], only: list[str]) -> int:
    paths = [path for path in FOLDER.glob("*.json") if not only or path.stem in ("inputs", *only)]
    on_disk = {path.stem: json.loads(path.read_text()) for path in paths}
    if on_disk.keys() != fresh.keys():
        print(f"files differ: {sorted(on_disk.keys() ^ fresh.keys())}")
        return 1
    distances = {name: difference(on_disk[name], content) for name, content in fresh.items()}
    for name, distance in distances.items():
        if distance > TOLERANCE:
            print(f"{name}.json differs by {distance:.1e}")
    worst = max(distances.values())
    print(f"{len(fresh)} files, largest difference {worst:.1e} of the update's norm, allowed {TOLERANCE:.0e}")
    return int(worst > TOLERANCE)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare with what is written, write nothing")
    parser.add_argument("names", nargs="*", help="files to make; all when left out")
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.names) - CHAINS.keys())
    if unknown:
        parser.error(f"chains.py has no {', '.join(unknown)}")
    fresh = files(arguments.names)
    if arguments.check:
        return check(fresh, arguments.names)
    for name, content in fresh.items():
        (FOLDER / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n")
    made = sum(len(content.get("vectors", [])) for content in fresh.values())
    print(f"{len(fresh)} files, {made} vectors, Optax {optax.__version__}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
