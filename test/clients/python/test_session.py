"""The client of numpy against a live server."""

import threading

import numpy as np
import pytest

from stepd import Refusal, Session, Transport, apply_updates
from stepd.tensors import narrowed, widened

SHAPES = {"w": [2, 3], "b": []}


def floats(*numbers):
    return np.array(numbers, np.float32)


def test_named_tensors_come_back_named_in_their_shapes(url, run):
    session = Session.open(url, run, "sgd(1.0)", SHAPES)
    result = session.step({"b": np.float32(1).reshape(()), "w": np.full((2, 3), 2, np.float32)})
    assert result.step == 1 and not result.replayed and result.counted and result.params is None
    assert result.updates["w"].dtype == np.float32
    np.testing.assert_array_equal(result.updates["w"], np.full((2, 3), -2))
    np.testing.assert_array_equal(result.updates["b"], np.array(-1))
    packed = session.step(np.arange(7, dtype=np.float32)).updates
    np.testing.assert_array_equal(packed, -np.arange(7))


def test_other_float_types_and_orders_are_converted(url, run):
    session = Session.open(url, run, "sgd(1.0)", SHAPES)
    w = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    result = session.step({"w": w, "b": np.array(1.0, np.float16)})
    np.testing.assert_array_equal(result.updates["w"], -w)


def test_the_server_keeps_parameters(url, run):
    params = {"w": np.ones((2, 3), np.float32), "b": np.array(2, np.float32)}
    session = Session.open(url, run, "adamw(0.1)", params=params)
    moved = session.step({name: np.ones_like(p) for name, p in params.items()}, of="params", stats=True)
    assert moved.updates is None and moved.stats["grad_norm"] == pytest.approx(7**0.5)
    again = Session.open(url, run)
    assert again.current_step == 1 and again.info["params"] == "server"
    for name, kept in again.params().items():
        np.testing.assert_array_equal(kept, moved.params[name])
        assert kept.shape == params[name].shape


def test_hyperparams_of_numpy_are_numbers(url, run):
    session = Session.open(url, run, "sgd(1.0)", SHAPES)
    grads = np.ones(7, np.float32)
    assert session.step(grads, hyperparams={"learning_rate": np.float32(0.5)}).updates[0] == -0.5
    assert session.set_hyperparams({"learning_rate": np.float64(0.25)})["hyperparams"] == {"learning_rate": 0.25}
    assert session.step(grads).updates[0] == -0.25


def test_a_refusal_says_what_is_wrong(url, run):
    session = Session.open(url, run, "sgd(1.0)", SHAPES)
    with pytest.raises(Refusal, match=r"^schema_mismatch \(422\): .*4 bytes") as caught:
        session.step(floats(1))
    assert caught.value.code == "schema_mismatch" and caught.value.status == 422
    assert caught.value.problem["type"]
    assert session.current_step == 0
    session.delete()
    with pytest.raises(Refusal) as caught:
        session.describe()
    assert caught.value.code == "session_not_found"


def test_a_step_by_its_number_is_replayed(url, run):
    session = Session.open(url, run, "adam(0.1)", SHAPES)
    first = session.step(np.ones(7, np.float32))
    again = session.step(np.ones(7, np.float32), step=1)
    assert again.replayed
    np.testing.assert_array_equal(again.updates, first.updates)
    with pytest.raises(Refusal) as caught:
        session.step(np.ones(7, np.float32), step=5)
    assert caught.value.code == "step_gap" and caught.value.problem["current_step"] == 1


def test_threads_take_turns(url, run):
    session = Session.open(url, run, "sgd(1.0)", SHAPES)
    threads = [threading.Thread(target=session.step, args=[np.ones(7, np.float32)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert session.describe()["step"] == 8


def test_sessions_may_share_connections(url, run):
    transport = Transport(url)
    for name in ("a", "b"):
        assert Session.open(transport, f"{run}-{name}", "sgd(1.0)", SHAPES).step(np.ones(7, np.float32)).step == 1


def test_bf16_both_ways(url, run):
    session = Session.open(url, run, "sgd(1.0)", {"w": [3]})
    grads = floats(1, 1 / 3, -1e-20)
    rounded = widened(narrowed(grads))
    np.testing.assert_array_equal(session.step(grads, dtype="BF16").updates, -rounded)
    np.testing.assert_array_equal(session.step(narrowed(grads), dtype="BF16", reply="F32").updates, -rounded)
    np.testing.assert_array_equal(session.step(grads, reply="BF16").updates, -rounded)
    np.testing.assert_array_equal(session.step({"w": grads}, dtype="BF16").updates["w"], -rounded)


@pytest.mark.parametrize(
    "word, half",
    [
        (0x3F800000, 0x3F80),
        (0x3F808000, 0x3F80),  # halfway, down to the even one
        (0x3F808001, 0x3F81),
        (0x3F818000, 0x3F82),  # halfway, up to the even one
        (0x7F7FFFFF, 0x7F80),
        (0x7F800000, 0x7F80),
        (0x7F800001, 0x7FC0),  # a NaN whose upper half alone would be infinity
        (0xFFFFFFFF, 0xFFFF),
        (0x80000000, 0x8000),
    ],
)
def test_bf16_is_rounded_to_nearest_even(word, half):
    number = np.array([word], np.uint32).view(np.float32)
    assert narrowed(number)[0] == half
    assert widened(np.array([half], np.uint16)).view(np.uint32)[0] == half << 16


@pytest.mark.parametrize(
    "grads, error, message",
    [
        ([1.0, 2.0], TypeError, "Cannot send grads: given list, expected a numpy array"),
        ({"w": 1.0}, TypeError, r"Cannot send grads\['w'\]: given float, expected a numpy array"),
        (np.arange(7), TypeError, "Cannot send grads as F32: its numbers are int64, expected floating ones"),
        ({"w": np.ones((3, 2))}, ValueError, r"Cannot send grads\['w'\]: its shape is \(3, 2\), expected \(2, 3\)"),
    ],
)
def test_what_is_no_gradient_is_not_sent(url, run, grads, error, message):
    session = Session.open(url, run, "sgd(1.0)", SHAPES)
    with pytest.raises(error, match=message):
        session.step(grads)
    assert session.describe()["step"] == 0


def test_updates_are_applied_in_place():
    packed = floats(1, 2)
    apply_updates(packed, floats(10, 20))
    np.testing.assert_array_equal(packed, [11, 22])
    named = {"a": floats(1), "b": floats(2)}
    apply_updates(named, {"b": floats(1)})
    assert named["a"][0] == 1 and named["b"][0] == 3
    with pytest.raises(TypeError, match="both be packed or both be named"):
        apply_updates(packed, named)
    with pytest.raises(ValueError):
        apply_updates(packed, floats(1, 2, 3))
