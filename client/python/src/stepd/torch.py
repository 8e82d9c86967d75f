"""A chain on a server as an optimizer of PyTorch."""

from __future__ import annotations

import warnings
from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional, Tuple

import torch

from .session import Session
from .tensors import Dtype, Tensors
from .transport import Retry


class Optimizer(torch.optim.Optimizer):
    """
    Takes the place of ``torch.optim.AdamW(model.parameters(), lr=1e-3)``::

        stepd.torch.Optimizer(model.parameters(), "adamw(1e-3)", url="http://…", session="run-1")

    ``params`` are parameters, ``model.named_parameters()``, or groups ``{"params": …, "chain": …}``, each of which may
    have a chain of its own (``partition`` on the server). Names, with ``/`` for ``.``, are what masks in chains match;
    parameters without are called by their number, and those of several groups ``g0/…``, ``g1/…``.

    A group's ``lr`` is the learning rate of its chain, where that is a number and the only one: schedulers of PyTorch
    change it, and it travels with the next step. A parameter without gradient is sent as zeros: decay and momentum
    move it, where PyTorch's own optimizers would pass over it.

    A chain that needs the parameters, as ``adamw`` does, gets them with every step; with ``keep_params`` the server
    keeps them instead, half as much to send. Then nothing else may change them, and a session that exists sets the
    parameters here to those that it has. ``dtype="BF16"`` halves what is sent, and ``reply`` what comes back. With
    ``workers`` so many programs make a step together, each with a name of its own, ``worker``.
    """

    def __init__(
        self,
        params: Iterable[Any],
        chain: Optional[str] = None,
        *,
        url: str,
        session: str,
        lr: Optional[float] = None,
        keep_params: bool = False,
        dtype: Dtype = "F32",
        reply: Optional[Dtype] = None,
        seed: Optional[int] = None,
        workers: Optional[int] = None,
        worker: Optional[str] = None,
        api_key: Optional[str] = None,
        retry: Retry = Retry(),
        timeout: float = 60.0,
    ) -> None:
        self._opened = False
        groups, names = _split(params)
        super().__init__(groups, {"chain": chain, "lr": lr})
        self._tensors: List[torch.Tensor] = [p for group in self.param_groups for p in group["params"]]
        shapes = {name: tuple(p.shape) for name, p in zip(names, self._tensors)}
        if len(shapes) < len(names):
            raise ValueError("Cannot open a session: two parameters have one name, expected different ones")
        size = sum(p.numel() for p in self._tensors)
        self._grads = torch.zeros(size, dtype=torch.float32 if dtype == "F32" else torch.bfloat16)
        self._copies = torch.empty(size)
        self._dtype: Dtype = dtype
        self._reply: Dtype = reply or dtype
        self.session = Session.open(
            url,
            session,
            _chain_of(self.param_groups),
            shapes,
            params=self._packed_params() if keep_params else None,
            seed=seed,
            workers=workers,
            worker=worker,
            api_key=api_key,
            retry=retry,
            timeout=timeout,
        )
        self._opened = True
        #: The path of each group's learning rate, and the rate that the server has.
        self._rates = [self._rate_of(i) for i in range(len(self.param_groups))]
        self._pull()

    @torch.no_grad()
    def step(self, closure: Optional[Callable[[], Any]] = None, *, value: Optional[float] = None) -> Any:
        """
        Send ``p.grad`` of every parameter, and add the updates. Chains that need the loss get ``value``, or what
        ``closure`` returns. After :class:`stepd.NoAnswer` nothing has changed here: calling it again settles the step.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
            value = loss.item() if isinstance(loss, torch.Tensor) else float(loss)
        for p, place in zip(self._tensors, self._split(self._grads)):
            if p.grad is None:
                place.zero_()
            elif p.grad.is_sparse:
                raise TypeError("Cannot send a sparse gradient: expected a dense one")
            else:
                place.copy_(p.grad)
        needs = self.session.info["needs"]
        result = self.session.step(
            (self._grads if self._dtype == "F32" else self._grads.view(torch.int16)).numpy(),
            dtype=self._dtype,
            reply=self._reply,
            params=self._packed_params() if needs["params"] and self.session.info["params"] != "server" else None,
            value=value if needs["value"] else None,
            hyperparams=self._changed_rates() or None,
        )
        self._rates = [(path, group["lr"]) for (path, _), group in zip(self._rates, self.param_groups)]
        with warnings.catch_warnings():
            # PyTorch warns of memory that must not be written; this is only read.
            warnings.simplefilter("ignore")
            updates = torch.from_numpy(result.updates)
        self._write(lambda p, update: p.add_(update), updates)
        return loss

    def state_dict(self) -> Dict[str, Any]:
        """The groups' settings, and the session's state from the server as the bytes of a safetensors file."""
        state = torch.frombuffer(bytearray(self.session.state()), dtype=torch.uint8)
        return {**super().state_dict(), "stepd": state}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Puts the session at the state that was saved, of this session or of another of the same chain."""
        self.session.restore(state_dict["stepd"].numpy().tobytes())
        super().load_state_dict({key: part for key, part in state_dict.items() if key != "stepd"})
        known = self.session.info["hyperparams"]
        self._rates = [(path, None if path is None else known[path]) for path, _ in self._rates]
        self._pull()

    def _pull(self) -> None:
        """Where the server keeps the parameters, those here are its own."""
        if self.session.info["params"] == "server":
            kept = self.session.params()
            parts = [torch.tensor(kept[name]).view(-1) for name in self.session.shapes]
            self._write(lambda p, new: p.copy_(new), torch.cat(parts))

    def add_param_group(self, param_group: Dict[str, Any]) -> None:
        if self._opened:
            raise RuntimeError("Cannot add a group: the tensors of a session are settled when it is opened")
        super().add_param_group(param_group)

    def _split(self, packed: torch.Tensor) -> List[torch.Tensor]:
        parts = packed.split([p.numel() for p in self._tensors])
        return [part.view(p.shape) for part, p in zip(parts, self._tensors)]

    @torch.no_grad()
    def _packed_params(self) -> Tensors:
        for p, place in zip(self._tensors, self._split(self._copies)):
            place.copy_(p)
        return self._copies.numpy()

    @torch.no_grad()
    def _write(self, write: Callable[[torch.Tensor, torch.Tensor], Any], packed: torch.Tensor) -> None:
        for p, part in zip(self._tensors, self._split(packed)):
            write(p, part.to(p.device))

    def _rate_of(self, i: int) -> Tuple[Optional[str], Optional[float]]:
        prefix = f"g{i}." if len(self.param_groups) > 1 else ""
        known = self.session.info["hyperparams"]
        paths = [p for p in known if p.startswith(prefix) and p.split(".")[-1] == "learning_rate"]
        group = self.param_groups[i]
        if len(paths) == 1:
            group["lr"] = known[paths[0]] if group["lr"] is None else group["lr"]
            return paths[0], known[paths[0]]
        if group["lr"] is not None:
            raise ValueError(f"Cannot set lr in {group['chain']!r}: {len(paths)} learning rates are numbers, expected 1")
        return None, None

    def _changed_rates(self) -> Dict[str, float]:
        pairs = zip(self._rates, self.param_groups)
        return {path: float(group["lr"]) for (path, sent), group in pairs if path is not None and group["lr"] != sent}


def _split(params: Iterable[Any]) -> Tuple[List[Dict[str, Any]], List[str]]:
    """The groups without names, as every PyTorch takes them, and the names of all tensors."""
    items = list(params)
    groups = [dict(item) for item in items] if items and isinstance(items[0], dict) else [{"params": items}]
    names: List[str] = []
    for g, group in enumerate(groups):
        tensors = [group["params"]] if isinstance(group["params"], torch.Tensor) else list(group["params"])
        pairs = [item if isinstance(item, tuple) else (str(i), item) for i, item in enumerate(tensors)]
        prefix = f"g{g}/" if len(groups) > 1 else ""
        names.extend(prefix + name.replace(".", "/") for name, _ in pairs)
        group["params"] = [tensor for _, tensor in pairs]
    return groups, names


def _chain_of(groups: List[Dict[str, Any]]) -> str:
    for group in groups:
        if not isinstance(group["chain"], str):
            raise TypeError(f"Cannot open a session by the chain {group['chain']!r}: expected a text, as 'adamw(1e-3)'")
    if len(groups) == 1:
        return groups[0]["chain"]
    chains = ", ".join(f'"g{i}": {group["chain"]}' for i, group in enumerate(groups))
    labels = ", ".join(f'"g{i}/**": "g{i}"' for i in range(len(groups)))
    return f"partition({{{chains}}}, {{{labels}}})"
