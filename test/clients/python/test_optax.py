"""The transformation of Optax against a live server, and against Optax."""

import digits
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import stepd
import stepd.optax

CHAIN = "chain(clip_by_global_norm(1.0), adamw(1e-3))"


def apart(one, other):
    return max(float(jnp.abs(one[name] - other[name]).max()) for name in one)


@pytest.mark.parametrize("wrap", [lambda f: f, jax.jit], ids=["as it is", "under jit"])
def test_200_gradients_of_real_digits_end_as_with_optax(url, run, wrap):
    ends = []
    for tx in (
        stepd.optax.remote(CHAIN, url=url, session=run),
        optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(1e-3)),
    ):

        @wrap
        def step(grads, state, params, tx=tx):
            updates, state = tx.update(grads, state, params)
            return optax.apply_updates(params, updates), state

        params = {name: jnp.asarray(p) for name, p in digits.initial().items()}
        state = tx.init(params)
        for grads in digits.recorded(200):
            params, state = step(grads, state, params)
        ends.append(params)
    print(f"\nmoved {apart(ends[0], digits.initial()):.3g}, apart {apart(*ends):.3g}")
    assert apart(ends[0], digits.initial()) > 0.05 and apart(*ends) < 1e-5


def test_trees_of_every_kind(url, run):
    params = {"layers": [{"kernel": jnp.ones((2, 2))}, (jnp.ones(3), jnp.float32(2))]}
    tx = stepd.optax.remote("sgd(0.5)", url=url, session=run)
    state = jax.jit(tx.init)(params)
    updates, state = tx.update(params, state)
    assert int(state.step) == 1
    assert jax.tree_util.tree_structure(updates) == jax.tree_util.tree_structure(params)
    jax.tree_util.tree_map(lambda u, g: np.testing.assert_array_equal(u, -0.5 * g), updates, params)
    names = [tensor["name"] for tensor in stepd.Session.open(url, run).info["tensors"]]
    assert names == ["layers/0/kernel", "layers/1/0", "layers/1/1"]


def test_a_single_array_in_bf16(url, run):
    tx = stepd.optax.remote("sgd(1.0)", url=url, session=run, dtype="BF16")
    grads = jnp.asarray([1, -2, 1 / 3], jnp.bfloat16)
    updates, _ = jax.jit(tx.update)(grads, tx.init(grads))
    assert updates.dtype == jnp.bfloat16
    np.testing.assert_array_equal(updates, -grads)


def test_the_loss_and_changed_numbers_travel(url, run):
    grads = jnp.asarray([4.0, 0.0])
    tx = stepd.optax.remote("polyak_sgd(max_learning_rate=10.0)", url=url, session=run)
    state = tx.init(grads)
    # Polyak's step is f / ‖g‖² · g = 4 / 16 · (4, 0), and no more than the largest rate.
    updates, state = jax.jit(tx.update)(grads, state, grads, value=jnp.float32(4))
    np.testing.assert_array_equal(updates, [-1, 0])
    updates, state = jax.jit(tx.update)(
        grads, state, grads, value=4.0, hyperparams={"max_learning_rate": jnp.float32(0.125)}
    )
    np.testing.assert_array_equal(updates, [-0.5, 0])


def test_it_chains_with_transformations_of_optax(url, run):
    tx = optax.chain(optax.clip(0.5), stepd.optax.remote("sgd(1.0)", url=url, session=run))
    grads = jnp.asarray([2.0, -0.25])
    updates, _ = jax.jit(tx.update)(grads, tx.init(grads), grads)
    np.testing.assert_array_equal(updates, [-0.5, 0.25])


def test_one_state_gives_one_answer(url, run):
    params = jnp.ones(3)
    tx = stepd.optax.remote("adam(0.1)", url=url, session=run)
    state = tx.init(params)
    once, after = tx.update(params, state)
    again, _ = tx.update(params, state)
    np.testing.assert_array_equal(once, again)
    with pytest.raises(Exception, match="step_conflict"):
        jax.block_until_ready(tx.update(2 * params, state)[0])
    # Another process goes on with a state that it saved, without init, or by init at the session's step.
    other = stepd.optax.remote("adam(0.1)", url=url, session=run)
    assert int(other.init(params).step) == 1
    _, later = stepd.optax.remote("adam(0.1)", url=url, session=run).update(params, after)
    assert int(later.step) == 2


def test_a_chain_that_needs_parameters_says_so(url, run):
    params = jnp.ones(3)
    tx = stepd.optax.remote("adamw(0.1)", url=url, session=run)
    with pytest.raises(ValueError, match="needs the parameters, expected them as third argument"):
        tx.update(params, tx.init(params))
