"""A session: an optimizer's state on the server, and the number of its latest step."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Sequence, Union
from urllib.parse import quote

import numpy as np

from .tensors import Dtype, Tensors, from_wire, read_safetensors, to_wire
from .transport import Retry, Transport

#: An Optax line, a tree ``{"name": …, "args": …}``, or the name of a registered chain.
Chain = Union[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Step:
    """The answer to a step. ``updates`` or, where asked for, ``params``: in the form of the gradients."""

    step: int
    updates: Any
    params: Any
    #: Whether the server had taken this step before: an earlier answer was lost.
    replayed: bool
    #: Whether the gradients are part of the step: not where they came after it had closed without them.
    counted: bool
    #: Where asked for: ``grad_norm``, ``update_norm``, ``nonfinite`` …
    stats: Optional[Dict[str, float]]


class Session:
    """Made by :meth:`open`. Steps of one session are taken one at a time, whatever threads ask for them."""

    def __init__(self, transport: Transport, info: Dict[str, Any], worker: Optional[str] = None) -> None:
        self._transport = transport
        self._worker = worker
        self._path = f"/v1/sessions/{quote(info['id'], safe='')}"
        self._turn = threading.Lock()
        #: What the server last said of the session; :meth:`describe` asks again.
        self.info = info
        #: Number of the latest step that this client knows of.
        self.current_step: int = info["step"]

    @classmethod
    def open(
        cls,
        server: Union[str, Transport],
        id: str,
        chain: Optional[Chain] = None,
        tensors: Optional[Mapping[str, Sequence[int]]] = None,
        *,
        params: Optional[Tensors] = None,
        seed: Optional[int] = None,
        ttl_s: Optional[int] = None,
        workers: Optional[int] = None,
        worker: Optional[str] = None,
        api_key: Optional[str] = None,
        retry: Retry = Retry(),
        timeout: float = 60.0,
    ) -> Session:
        """
        Create the session, or attach to the one that exists with the same specification; without ``chain`` and
        ``tensors`` (shapes by name), only attach. With ``params`` the server keeps and updates its own copy. With
        ``workers`` so many make a step together, each with a name of its own, ``worker``.
        """
        transport = server if isinstance(server, Transport) else Transport(
            server, api_key=api_key, retry=retry, timeout=timeout
        )
        if tensors is None and isinstance(params, Mapping):
            tensors = {name: np.shape(array) for name, array in params.items()}
        body = {
            "chain": chain,
            "tensors": tensors and [{"name": name, "shape": list(shape)} for name, shape in tensors.items()],
            "params": None if params is None else to_wire("params", params, "F32", tensors or {}),
            "seed": seed,
            "ttl_s": ttl_s,
            "workers": workers,
        }
        return cls(transport, transport.call("PUT", f"/v1/sessions/{quote(id, safe='')}", body), worker)

    @property
    def id(self) -> str:
        return self.info["id"]

    @property
    def shapes(self) -> Dict[str, List[int]]:
        return {tensor["name"]: tensor["shape"] for tensor in self.info["tensors"]}

    def step(
        self,
        grads: Tensors,
        *,
        params: Optional[Tensors] = None,
        value: Optional[float] = None,
        hyperparams: Optional[Mapping[str, float]] = None,
        of: str = "updates",
        stats: bool = False,
        dtype: Dtype = "F32",
        reply: Optional[Dtype] = None,
        step: Optional[int] = None,
        weight: Optional[float] = None,
    ) -> Step:
        """
        Send the gradients of the next step; the answer has its updates (``of="params"``: the parameters that the
        server keeps). ``params`` are sent where the client keeps them and the chain needs them, ``value`` is the loss,
        ``hyperparams`` are kept for later steps, ``dtype`` and ``reply`` are the number types on the wire.

        The step is numbered, so a lost answer is asked for again and never counted twice. After :class:`NoAnswer` the
        step may have been taken: the same call settles it, another gradient is a ``step_conflict``. ``step`` says
        which one this is, for callers that count themselves. Where several workers make a step it comes back when all
        have sent theirs, of which this one counts by its ``weight``.
        """
        with self._turn:
            reply = reply or dtype
            answer = self._transport.call(
                "POST",
                f"{self._path}/steps",
                {
                    "step": self.current_step + 1 if step is None else step,
                    "worker": self._worker,
                    "weight": weight,
                    "grads": to_wire("grads", grads, dtype, self.shapes),
                    "dtype": dtype,
                    "params": None if params is None else to_wire("params", params, "F32", self.shapes),
                    "value": None if value is None else float(value),
                    "hyperparams": hyperparams and _numbers(hyperparams),
                    "want": {"of": of, "dtype": reply, "stats": stats},
                },
            )
            self.current_step = answer["step"]
            result = from_wire(answer[of], reply, self.shapes)
            given = {"updates": None, "params": None, of: result}
            return Step(answer["step"], replayed=answer["replayed"], counted=answer["counted"],
                        stats=answer.get("stats"), **given)

    def describe(self) -> Dict[str, Any]:
        """Ask how the session stands; takes over its step, as after a ``step_conflict``."""
        self.info = self._transport.call("GET", self._path)
        self.current_step = self.info["step"]
        return self.info

    def params(self) -> Dict[str, np.ndarray]:
        """The parameters that the server keeps, by name, after the session's latest step."""
        return read_safetensors(self._transport.call("GET", f"{self._path}/params"))

    def state(self) -> bytes:
        """The whole state at the latest step, as a safetensors file."""
        return bytes(self._transport.call("GET", f"{self._path}/state"))

    def restore(self, state: bytes) -> Dict[str, Any]:
        """Put the session at a state that :meth:`state` gave, of this session or of another of the same chain."""
        at = {"If-Match": f'"{self.describe()["step"]}"'}
        self._transport.call("PUT", f"{self._path}/state", state, headers=at)
        return self.describe()

    def set_hyperparams(self, hyperparams: Mapping[str, float]) -> Dict[str, Any]:
        """Replace options from the next step on. Not sent again by itself: it carries no number that would tell."""
        self.info = self._transport.call("PATCH", self._path, {"hyperparams": _numbers(hyperparams)}, safe=False)
        return self.info

    def delete(self) -> None:
        """Forget the session."""
        self._transport.call("DELETE", self._path)


def _numbers(hyperparams: Mapping[str, float]) -> Dict[str, float]:
    return {path: float(number) for path, number in hyperparams.items()}
