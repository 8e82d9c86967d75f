"""The wire: one msgpack request and its answer, sent again where that is safe and worth it."""

from __future__ import annotations

import json
import random
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, List, Mapping, Optional, Union

import msgpack
import urllib3

from .errors import NoAnswer, Refusal
from .vocabulary import RETRYABLE

MSGPACK = "application/msgpack"


@dataclass(frozen=True)
class Retry:
    """When a request is sent again: the wait before attempt n + 1 is random in [0, min(cap, base · 2ⁿ⁻¹)] seconds."""

    #: Attempts in all, the first one included.
    attempts: int = 8
    base: float = 0.1
    #: A longer ``Retry-After`` is honoured.
    cap: float = 10.0
    #: Time for all attempts and waits together.
    total: float = 120.0


class Transport:
    """Connections to one server; they are kept open, and threads may share them."""

    def __init__(
        self, url: str, *, api_key: Optional[str] = None, retry: Retry = Retry(), timeout: float = 60.0
    ) -> None:
        if not url.startswith(("http://", "https://")):
            raise ValueError(f"Cannot connect to {url!r}: expected http://… or https://…, as http://127.0.0.1:8080")
        self._base = url.rstrip("/")
        self._headers = {"Accept": f"{MSGPACK}, application/octet-stream"}
        if api_key is not None:
            self._headers["Authorization"] = f"Bearer {api_key}"
        self._retry = retry
        self._timeout = timeout
        self._pool = urllib3.PoolManager(num_pools=1, maxsize=8)

    def call(
        self,
        method: str,
        path: str,
        body: Union[Mapping[str, Any], bytes, None] = None,
        *,
        safe: bool = True,
        headers: Optional[Mapping[str, str]] = None,
    ) -> Any:
        """
        Send a map as msgpack or a file as it is, and answer with the decoded body. ``safe``: whether the request may be
        sent again when it is not known if it was taken. Raises :class:`Refusal` or :class:`NoAnswer`.
        """
        sent = {**self._headers, **(headers or {})}
        parts: Optional[List[Any]] = None
        if isinstance(body, bytes):
            parts = [body]
            sent["Content-Type"] = "application/octet-stream"
        elif body is not None:
            parts = encode({k: v for k, v in body.items() if v is not None})
            sent["Content-Type"] = MSGPACK
        if parts is not None:
            sent["Content-Length"] = str(sum(len(part) for part in parts))
        until = time.monotonic() + self._retry.total
        attempt = 0
        while True:
            attempt += 1
            try:
                return self._once(method, path, parts, sent, min(self._timeout, max(0.001, until - time.monotonic())))
            except (Refusal, NoAnswer) as error:
                # An earlier DELETE was carried out and its answer lost.
                if method == "DELETE" and attempt > 1 and isinstance(error, Refusal) and error.status == 404:
                    return None
                worth = isinstance(error, NoAnswer) or error.status in RETRYABLE
                if not (safe and worth) or attempt >= self._retry.attempts:
                    raise
                wait = random.uniform(0, min(self._retry.cap, self._retry.base * 2 ** (attempt - 1)))
                wait += error.retry_after if isinstance(error, Refusal) else 0.0
                if time.monotonic() + wait >= until:
                    raise
                time.sleep(wait)

    def _once(
        self, method: str, path: str, parts: Optional[List[Any]], headers: Mapping[str, str], timeout: float
    ) -> Any:
        try:
            answer = self._pool.urlopen(
                method,
                self._base + path,
                body=parts,
                headers=headers,
                timeout=timeout,
                retries=False,
                redirect=False,
            )
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise NoAnswer(f"Cannot {method} {self._base}{path}: {error}") from error
        # A connection that broke among the headers looks to http.client like an answer that ends with them.
        named = answer.headers
        whole = named.get("Content-Length", "").isdigit() or named.get("Transfer-Encoding", "").lower() == "chunked"
        if answer.status != 204 and not whole:
            raise NoAnswer(f"Cannot {method} {self._base}{path}: the headers of the answer end early")
        return _decode(f"{method} {self._base}{path}", answer)


def encode(body: Mapping[str, Any]) -> List[Any]:
    """The body as parts to be sent one after the other: tensors, which are memoryviews, are not copied."""
    packer = msgpack.Packer(autoreset=False)
    parts: List[Any] = []

    def add(value: Any) -> None:
        if isinstance(value, Mapping):
            packer.pack_map_header(len(value))
            for key, item in value.items():
                packer.pack(key)
                add(item)
        elif isinstance(value, memoryview):
            # bin 32, whatever the length: Packer writes headers of bins with their content only.
            parts.extend([packer.bytes() + b"\xc6" + len(value).to_bytes(4, "big"), value])
            packer.reset()
        else:
            packer.pack(value)

    add(body)
    return [part for part in (*parts, packer.bytes()) if len(part) > 0]


def _decode(request: str, answer: urllib3.BaseHTTPResponse) -> Any:
    data, kind = answer.data, answer.headers.get("Content-Type", "no content type")
    if answer.status < 300:
        if len(data) == 0:
            return None
        if "msgpack" in kind:
            return msgpack.unpackb(data) if len(data) < _LARGE else _views(data)
        if "octet-stream" in kind:
            return data
    detail = f"{request} answered {kind}, expected {MSGPACK}: {data[:200].decode(errors='replace')}"
    problem = {"status": answer.status, "code": "unknown", "detail": detail}
    if "json" in kind:
        try:
            problem.update(json.loads(data))
        except ValueError:
            pass
    raise Refusal(problem, _retry_after(answer.headers.get("Retry-After", "")))


#: Bytes of an answer from which on its byte strings are not copied.
_LARGE = 2**20
#: The widths of lengths: of byte strings, and of maps that say theirs apart.
_BINS, _MAPS = {0xC4: 1, 0xC5: 2, 0xC6: 4}, {0xDE: 2, 0xDF: 4}


def _views(data: bytes) -> Any:
    """A message of which the byte strings are views: maps are taken apart here, all else by msgpack."""
    view, at = memoryview(data), 0

    def value() -> Any:
        nonlocal at
        kind = view[at]
        start = at + 1 + (_BINS.get(kind) or _MAPS.get(kind) or 0)
        length = int.from_bytes(view[at + 1 : start], "big")
        if kind in _BINS:
            at = start + length
            return view[start:at]
        if kind in _MAPS or 0x80 <= kind <= 0x8F:
            at = start
            return {value(): value() for _ in range(length if kind in _MAPS else kind & 0x0F)}
        unpacker = msgpack.Unpacker(max_buffer_size=0)
        # Names and numbers are shorter than that, lists need not be.
        is_list = 0x90 <= kind <= 0x9F or kind in (0xDC, 0xDD)
        unpacker.feed(view[at:] if is_list else view[at : at + 2**13])
        found = unpacker.unpack()
        at += unpacker.tell()
        return found

    return value()


def _retry_after(value: str) -> float:
    """A number of seconds, or a date."""
    if value.strip().isdigit():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (TypeError, ValueError):
        return 0.0
