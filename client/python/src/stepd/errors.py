"""What can go wrong between a client and the server."""

from typing import Any, Mapping


class Refusal(Exception):
    """The server refused. ``code`` is of the protocol's table; ``unknown`` where something else than stepd answered."""

    def __init__(self, problem: Mapping[str, Any], retry_after: float = 0.0) -> None:
        self.status: int = problem["status"]
        self.code: str = problem["code"]
        self.detail: str = problem["detail"]
        #: The whole body (RFC 9457), with what the code adds: ``current_step``, ``path``, ``nearest`` …
        self.problem = problem
        #: What ``Retry-After`` asked for, in seconds.
        self.retry_after = retry_after
        super().__init__(f"{self.code} ({self.status}): {self.detail}")


class NoAnswer(ConnectionError):
    """No whole answer arrived: the connection was refused, broke or timed out. The request may have been taken."""
