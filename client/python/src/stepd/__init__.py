"""Client of stepd, an optimizer as an HTTP service: gradients in, updates out, state kept."""

from .errors import NoAnswer, Refusal
from .session import Session, Step
from .tensors import Tensors, apply_updates
from .transport import Retry, Transport
from .vocabulary import ErrorCode

__all__ = [
    "ErrorCode",
    "NoAnswer",
    "Refusal",
    "Retry",
    "Session",
    "Step",
    "Tensors",
    "Transport",
    "apply_updates",
]
