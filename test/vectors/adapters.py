"""Optax's names as chains write them: where Optax takes a function of the parameters or of the step, a chain has data.

Nothing here computes an update: it translates arguments and hands them to Optax.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
import optax.contrib
import optax.transforms

Names = dict[str, Any]
Shapes = dict[str, tuple[int, ...]]


def matches(pattern: str, name: str, shape: tuple[int, ...]) -> bool:
    """Whether a pattern of the service, a glob or `ndim(n)`, means a tensor."""
    if pattern.startswith("ndim("):
        return len(shape) == int(pattern[5:-1])
    parts = pattern.split("/")
    text = "".join(
        "(?:[^/]*/)*" if part == "**" else re.escape(part).replace(r"\*", "[^/]*").replace(r"\?", "[^/]") + "/"
        for part in parts
    )
    return re.fullmatch(text, name + "/") is not None


def tree_of(data: Any, shapes: Shapes) -> Any:
    """A mask or labels as a tree like the parameters."""
    if isinstance(data, str):
        data = [data]
    if isinstance(data, list):
        return {n: any(matches(p, n, s) for p in data) for n, s in shapes.items()}
    if isinstance(data, dict):
        return {n: next(v for p, v in data.items() if matches(p, n, s)) for n, s in shapes.items()}
    return data


def masking(function: Callable[..., Any], shapes: Shapes) -> Callable[..., Any]:
    """The function, taking its masks and labels as data."""
    signature = inspect.signature(function)

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        for name in bound.arguments:
            if name.endswith("mask"):
                bound.arguments[name] = tree_of(bound.arguments[name], shapes)
            elif name == "param_labels" and isinstance(bound.arguments[name], dict):
                bound.arguments[name] = tree_of(bound.arguments[name], shapes)
            elif name == "param_labels":
                label = bound.arguments[name]
                bound.arguments[name] = {n: label for n in shapes}
        return function(*bound.args, **bound.kwargs)

    return call


def takes_masks(value: Any) -> bool:
    if not (inspect.isfunction(value) or isinstance(value, functools.partial)):
        return False
    return any(name.endswith("mask") or name == "param_labels" for name in inspect.signature(value).parameters)


def multi_steps(
    opt: Any, every_k_schedule: Any, use_grad_mean: bool = True, should_skip_update_fn: Any = None, accumulator_dtype: Any = None
) -> optax.GradientTransformation:
    """`MultiSteps` as a transformation, with a float64 accumulator where Optax's is float32."""
    every_k = every_k_schedule
    if callable(every_k_schedule):
        every_k = lambda step: jnp.floor(every_k_schedule(step)).astype(jnp.int64)  # noqa: E731
    steps = optax.MultiSteps(opt, every_k, use_grad_mean, should_skip_update_fn, accumulator_dtype or jnp.float64)
    return steps.gradient_transformation()


class LookaheadState(NamedTuple):
    """State of `lookahead` with the slow parameters, which are those to evaluate with."""

    held: Any
    slow: Any


def lookahead(fast_optimizer: Any, *args: Any, **kwargs: Any) -> optax.GradientTransformation:
    """`lookahead` with the slow parameters as state."""
    inner = optax.lookahead(fast_optimizer, *args, **kwargs)

    def init(params: Any) -> Any:
        return LookaheadState(inner.init(optax.LookaheadParams.init_synced(params)), params)

    def update(updates: Any, state: Any, params: Any = None) -> Any:
        held, slow = state
        both, held = inner.update(updates, held, optax.LookaheadParams(fast=params, slow=slow))
        return both.fast, LookaheadState(held, jax.tree.map(jnp.add, slow, both.slow))

    return optax.GradientTransformation(init, update)


def sam(*args: Any, **kwargs: Any) -> optax.GradientTransformation:
    """`sam` without the extra argument that only its opaque form reads: with others it stops."""
    return optax.GradientTransformation(*optax.contrib.sam(*args, **kwargs))


def scale_by_muon(*args: Any, weight_dimension_numbers: Any = None, **kwargs: Any) -> optax.GradientTransformation:
    """`scale_by_muon` with dimension numbers for every tensor that reaches it: of a tree None fails in Optax."""
    given = weight_dimension_numbers or {}

    def numbers(params: Any) -> Any:
        default = optax.contrib.MuonDimensionNumbers()
        return {n: jax.tree.map(lambda _, n=n: given.get(n, default), p) for n, p in params.items()}

    return optax.contrib.scale_by_muon(*args, weight_dimension_numbers=numbers, **kwargs)


def by_leaf(project: Callable[..., Any]) -> Callable[..., Any]:
    """An elementwise projection, leaf by leaf: of a tree and bounds that are numbers Optax fails."""
    return lambda tree, *args, **kwargs: jax.tree.map(lambda x: project(x, *args, **kwargs), tree)


def projected(project: Callable[..., Any]) -> Callable[..., optax.GradientTransformation]:
    """A projection as a transformation: the update that ends at the projected parameters, unchanged where they are."""

    def update(updates: Any, params: Any, *args: Any, **kwargs: Any) -> Any:
        x = jax.tree.map(jnp.add, params, updates)
        y = project(x, *args, **kwargs)
        return jax.tree.map(lambda u, p, x, y: jnp.where(x == y, u, y - p), updates, params, x, y)

    return lambda *args, **kwargs: optax.stateless(lambda u, p: update(u, p, *args, **kwargs))


CONDITIONS: Names = {
    "every_k": lambda k: lambda step, **_: step % k == 0,
    "after_n": lambda n: lambda step, **_: step >= n,
    "before_n": lambda n: lambda step, **_: step < n,
    "skip_not_finite": lambda: optax.transforms.skip_not_finite,
    "skip_large_updates": lambda max_squared_norm: functools.partial(
        optax.transforms.skip_large_updates, max_squared_norm=max_squared_norm
    ),
}


def names(shapes: Shapes) -> Names:
    """What an expression may call."""
    all_names = {name: getattr(module, name) for module in (optax.contrib, optax) for name in dir(module)}
    whole = {name: value for name, value in vars(optax.projections).items() if name.startswith("projection_")}
    leafwise = {name: by_leaf(whole[name]) for name in ("projection_box", "projection_hypercube")}
    projections = {name: projected(value) for name, value in {**whole, **leafwise}.items()}
    data = {name: masking(value, shapes) for name, value in all_names.items() if takes_masks(value)}
    own = {"MultiSteps": multi_steps, "lookahead": lookahead, "sam": sam, "scale_by_muon": scale_by_muon, "ndim": lambda n: f"ndim({n})"}
    return {**all_names, **data, **projections, **CONDITIONS, **own}
