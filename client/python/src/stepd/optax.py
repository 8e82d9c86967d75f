"""A chain on a server as a gradient transformation of Optax."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, NamedTuple, Optional

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.experimental import io_callback

from .session import Chain, Session
from .tensors import Dtype
from .transport import Retry


class RemoteState(NamedTuple):
    """Number of the latest step; all else is on the server."""

    step: jax.Array


def remote(
    chain: Chain,
    *,
    url: str,
    session: str,
    dtype: Dtype = "F32",
    reply: Optional[Dtype] = None,
    seed: Optional[int] = None,
    api_key: Optional[str] = None,
    retry: Retry = Retry(),
    timeout: float = 60.0,
) -> optax.GradientTransformationExtraArgs:
    """
    Takes the place of ``optax.adamw(1e-3)``, also under ``jax.jit``::

        stepd.optax.remote("adamw(1e-3)", url="http://…", session="run-1")

    ``init`` opens the session, or attaches to it and goes on at its step. Tensors are called by their paths in the
    tree, ``layer/kernel``: what masks in chains match. ``update`` takes the parameters where the chain needs them, and
    as further arguments ``value``, the loss, and ``hyperparams``, numbers that replace options from this step on.
    The same state and the same gradients give the same updates, for the latest step; other gradients with the state of
    a step that was taken are a ``step_conflict``.
    """
    opened: List[Session] = []

    def open_session(tree: Any) -> Session:
        shapes = {name: np.shape(leaf) for name, leaf in _named(tree).items()}
        return Session.open(
            url, session, chain, shapes, seed=seed, api_key=api_key, retry=retry, timeout=timeout
        )

    def init(params: optax.Params) -> RemoteState:
        # While jit traces, shapes are known and numbers are not: enough to open.
        opened[:] = [open_session(params)]
        return RemoteState(jnp.asarray(opened[0].current_step, jnp.int32))

    def update(
        updates: optax.Updates,
        state: RemoteState,
        params: Optional[optax.Params] = None,
        *,
        value: Any = None,
        hyperparams: Optional[Mapping[str, Any]] = None,
        **_: Any,
    ) -> Any:
        # A state from a checkpoint comes without init.
        run = opened[0] if opened else open_session(updates)
        opened[:] = [run]
        needs = run.info["needs"]
        if needs["params"] and params is None:
            raise ValueError(f"Cannot update: {run.info['chain']} needs the parameters, expected them as third argument")

        def on_host(step: Any, grads: Any, kept: Any, loss: Any, numbers: Any) -> Any:
            result = run.step(
                _host(grads),
                params=None if kept is None else _host(kept),
                value=None if loss is None else float(loss),
                hyperparams=numbers,
                dtype=dtype,
                reply=reply,
                step=int(step) + 1,
            )
            leaves = jax.tree_util.tree_leaves(grads)
            # As jit declared them: a leaf of bfloat16 gets updates of bfloat16.
            return [np.asarray(result.updates[name], leaf.dtype) for name, leaf in zip(_named(grads), leaves)]

        leaves, tree = jax.tree_util.tree_flatten(updates)
        shapes = [jax.ShapeDtypeStruct(np.shape(leaf), jnp.result_type(leaf)) for leaf in leaves]
        sent = (state.step, updates, params if needs["params"] else None, value if needs["value"] else None, hyperparams)
        moved = io_callback(on_host, shapes, *sent, ordered=True)
        return jax.tree_util.tree_unflatten(tree, moved), RemoteState(state.step + 1)

    return optax.GradientTransformationExtraArgs(init, update)


def _named(tree: Any) -> Dict[str, Any]:
    """The leaves by their paths: ``layer/kernel``, ``0/bias``."""
    pairs, _ = jax.tree_util.tree_flatten_with_path(tree)
    named = {"/".join(_segment(key) for key in path) or "params": leaf for path, leaf in pairs}
    if len(named) < len(pairs):
        raise ValueError("Cannot name the tensors: two have one path, expected different ones")
    return named


def _segment(key: Any) -> str:
    """Of the kinds of keys that JAX has each calls its content otherwise."""
    return str(next(getattr(key, field) for field in ("key", "name", "idx") if hasattr(key, field)))


def _host(tree: Any) -> Dict[str, np.ndarray]:
    return {name: np.asarray(leaf, np.float32) for name, leaf in _named(tree).items()}
