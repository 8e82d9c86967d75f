"""The optimizer of PyTorch against a live server, and against PyTorch's own."""

import threading

import digits
import numpy as np
import pytest
import torch

import stepd
import stepd.torch

torch.manual_seed(0)


def network():
    """The network of digits.py: PyTorch's weights are its transposed ones."""
    model = torch.nn.Sequential(torch.nn.Linear(784, 32), torch.nn.Tanh(), torch.nn.Linear(32, 10))
    with torch.no_grad():
        for p, array in zip(model.parameters(), digits.initial().values()):
            p.copy_(torch.from_numpy(array.T.copy()))
    return model


def feed(model, grads):
    for p, grad in zip(model.parameters(), grads.values()):
        p.grad = torch.from_numpy(grad.T.copy())


def distance(one, other):
    return max((p - q).detach().abs().max().item() for p, q in zip(one.parameters(), other.parameters()))


ADAMW = "adamw(1e-3, weight_decay=1e-2)"


@pytest.mark.parametrize("keep", [False, True])
def test_200_gradients_of_real_digits_end_as_with_adamw(url, run, keep):
    model, local = network(), network()
    remote = stepd.torch.Optimizer(model.parameters(), ADAMW, url=url, session=run, keep_params=keep)
    reference = torch.optim.AdamW(local.parameters(), lr=1e-3, weight_decay=1e-2)
    for grads in digits.recorded(200):
        for net, optimizer in ((model, remote), (local, reference)):
            feed(net, grads)
            optimizer.step()
    moved = distance(model, network())
    apart = distance(model, local)
    print(f"\nAdamW: moved {moved:.3g}, apart {apart:.3g}")
    assert moved > 0.05 and apart < 1e-5
    if keep:
        for p, kept in zip(model.parameters(), remote.session.params().values()):
            np.testing.assert_array_equal(p.detach().numpy(), kept)


def train(model, optimizer, steps=100, scheduler=None):
    losses = []
    for x, labels in digits.batches(steps):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(torch.tensor(x)), torch.tensor(labels, dtype=torch.long))
        loss.backward()
        optimizer.step()
        if scheduler is not None:
            scheduler.step()
        losses.append(loss.item())
    return losses


def test_trained_on_its_own_the_loss_is_that_of_adamw(url, run):
    model, local = network(), network()
    remote = train(model, stepd.torch.Optimizer(model.named_parameters(), ADAMW, url=url, session=run))
    reference = train(local, torch.optim.AdamW(local.parameters(), lr=1e-3, weight_decay=1e-2))
    assert reference[-1] < 0.5 * reference[0]
    assert max(abs(a - b) for a, b in zip(remote, reference)) < 1e-3


def test_a_scheduler_changes_the_rate(url, run):
    model, local = network(), network()
    pairs = []
    for net, optimizer in (
        (model, stepd.torch.Optimizer(model.parameters(), "adam(1e-2)", url=url, session=run)),
        (local, torch.optim.Adam(local.parameters(), lr=1e-2)),
    ):
        scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=10, gamma=0.5)
        pairs.append((optimizer, train(net, optimizer, 30, scheduler)))
    (remote, losses), (_, expected) = pairs
    np.testing.assert_allclose(losses, expected, atol=1e-3)
    # The last change travels with the next step.
    assert remote.session.describe()["hyperparams"]["learning_rate"] == pytest.approx(1e-2 / 4)
    assert remote.param_groups[0]["lr"] == pytest.approx(1e-2 / 8)


def two(**second):
    w, b = torch.nn.Parameter(torch.ones(2, 3)), torch.nn.Parameter(torch.ones(3))
    w.grad, b.grad = torch.full((2, 3), 0.5), torch.full((3,), 0.5)
    return w, b, [{"params": [w], "chain": "sgd(1.0)"}, {"params": b, **second}]


def test_groups_become_a_partition(url, run):
    w, b, groups = two(chain="chain(clip(0.25), sgd(1.0))", lr=2.0)
    optimizer = stepd.torch.Optimizer(groups, url=url, session=run)
    assert optimizer.session.info["chain"].startswith("partition(")
    assert [group["lr"] for group in optimizer.param_groups] == [1.0, 2.0]
    optimizer.step()
    assert torch.equal(w.data, torch.full((2, 3), 0.5)) and torch.equal(b.data, torch.full((3,), 0.5))
    optimizer.param_groups[0]["lr"] = 0.5
    optimizer.step()
    assert torch.equal(w.data, torch.full((2, 3), 0.25)) and torch.equal(b.data, torch.zeros(3))


def test_names_are_what_masks_match(url, run):
    model = network()
    frozen = 'chain(freeze({"**/bias": True, "**": False}), sgd(1.0))'
    optimizer = stepd.torch.Optimizer(model.named_parameters(), frozen, url=url, session=run)
    assert list(optimizer.session.shapes) == ["0/weight", "0/bias", "2/weight", "2/bias"]
    for p in model.parameters():
        p.grad = torch.ones_like(p)
    optimizer.step()
    before = network()
    moved = [not torch.equal(p, q) for p, q in zip(model.parameters(), before.parameters())]
    assert moved == [True, False, True, False]


def test_no_gradient_is_zeros(url, run):
    w, b, _ = two()
    optimizer = stepd.torch.Optimizer([w, b], "sgd(1.0, momentum=0.5)", url=url, session=run)
    optimizer.step()
    w.grad = None
    optimizer.step()
    assert torch.equal(w.data, torch.full((2, 3), 1 - 0.5 - 0.25))
    w.grad = torch.ones(2, 3).to_sparse()
    with pytest.raises(TypeError, match="Cannot send a sparse gradient"):
        optimizer.step()


def test_a_closure_gives_the_loss(url, run):
    p = torch.nn.Parameter(torch.tensor([2.0, 0.0]))
    optimizer = stepd.torch.Optimizer([p], "polyak_sgd(max_learning_rate=10.0)", url=url, session=run)

    def closure():
        optimizer.zero_grad()
        loss = (p**2).sum()
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == 4
    # Polyak's step is f / ‖g‖² · g = 4 / 16 · (4, 0).
    assert torch.equal(p.data, torch.tensor([1.0, 0.0]))
    optimizer.zero_grad()
    (p**2).sum().backward()
    optimizer.step(value=1.0)
    assert torch.equal(p.data, torch.tensor([0.5, 0.0]))


def test_bf16_on_the_wire_and_in_the_model(url, run):
    p = torch.nn.Parameter(torch.zeros(3, dtype=torch.bfloat16))
    optimizer = stepd.torch.Optimizer([p], "sgd(1.0)", url=url, session=run, dtype="BF16")
    p.grad = torch.tensor([1.0, -2.0, 1 / 3]).bfloat16()
    optimizer.step()
    assert torch.equal(p.data, -p.grad)


@pytest.mark.parametrize("keep", [False, True])
def test_a_saved_state_is_gone_on_from(url, run, keep, tmp_path):
    def start(session):
        model = network()
        optimizer = stepd.torch.Optimizer(
            model.parameters(), "adamw(1e-2)", url=url, session=session, keep_params=keep
        )
        return model, optimizer, torch.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)

    def steps(model, optimizer, scheduler, recorded):
        for grads in recorded:
            feed(model, grads)
            optimizer.step()
            scheduler.step()

    recorded = digits.recorded(6)
    model, optimizer, scheduler = start(run)
    steps(model, optimizer, scheduler, recorded[:3])
    saved = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict()}
    torch.save(saved, tmp_path / "checkpoint")
    steps(model, optimizer, scheduler, recorded[3:])
    # Back to where it was, in the same session and in another one.
    for session in (run, f"{run}-2"):
        again, restored, rate = start(session)
        saved = torch.load(tmp_path / "checkpoint")
        again.load_state_dict(saved["model"])
        restored.load_state_dict(saved["optimizer"])
        rate.load_state_dict(saved["scheduler"])
        assert restored.session.current_step == 3
        assert restored.param_groups[0]["lr"] == pytest.approx(5e-3)
        steps(again, restored, rate, recorded[3:])
        assert distance(model, again) == 0


def test_workers_make_a_step_together(url, run):
    recorded = digits.recorded(10)
    models = [network() for _ in range(2)]

    def work(i):
        optimizer = stepd.torch.Optimizer(
            models[i].parameters(), ADAMW, url=url, session=run, keep_params=True, workers=2, worker=f"worker-{i}"
        )
        for grads in recorded[i::2]:
            feed(models[i], grads)
            optimizer.step()

    threads = [threading.Thread(target=work, args=[i]) for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert distance(*models) == 0
    alone = network()
    reference = torch.optim.AdamW(alone.parameters(), lr=1e-3, weight_decay=1e-2)
    for one, other in zip(recorded[::2], recorded[1::2]):
        feed(alone, {name: (one[name] + other[name]) / 2 for name in one})
        reference.step()
    assert distance(alone, models[0]) < 1e-5


def test_a_step_that_got_no_answer_changes_nothing(url, run, monkeypatch):
    p = torch.nn.Parameter(torch.zeros(2))
    optimizer = stepd.torch.Optimizer([p], "adam(0.1)", url=url, session=run)
    p.grad = torch.ones(2)
    call = optimizer.session._transport.call

    def lost(*args, **options):
        call(*args, **options)
        raise stepd.NoAnswer("lost")

    monkeypatch.setattr(optimizer.session._transport, "call", lost)
    with pytest.raises(stepd.NoAnswer):
        optimizer.step()
    assert torch.equal(p.data, torch.zeros(2))
    monkeypatch.undo()
    optimizer.step()
    assert optimizer.session.describe()["step"] == 1
    assert torch.allclose(p.data, torch.full((2,), -0.1))


@pytest.mark.parametrize(
    "given, message",
    [
        ({"chain": None}, "Cannot open a session by the chain None: expected a text"),
        ({"chain": "chain(sgd(1.0), sgd(1.0))", "lr": 1.0}, "Cannot set lr in .*: 2 learning rates are numbers"),
        ({"chain": "sgd(cosine_decay_schedule(1.0, 10))", "lr": 1.0}, "0 learning rates are numbers"),
    ],
)
def test_what_cannot_be_is_said(url, run, given, message):
    with pytest.raises((TypeError, ValueError), match=message):
        stepd.torch.Optimizer([torch.nn.Parameter(torch.zeros(1))], url=url, session=run, **given)


def test_tensors_are_settled_at_open(url, run):
    optimizer = stepd.torch.Optimizer([torch.nn.Parameter(torch.zeros(1))], "sgd(1.0)", url=url, session=run)
    with pytest.raises(RuntimeError, match="Cannot add a group"):
        optimizer.add_param_group({"params": [torch.nn.Parameter(torch.zeros(1))]})
