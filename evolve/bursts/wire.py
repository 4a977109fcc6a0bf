"""The frames between a burst's child and its scorer: fixed binary shapes, nothing that could execute.

A frame is ``magic (4) | kind (1) | padding (3) | payload length (4, little endian) | payload``. The
scorer knows the exact length of every answer it asked for: a longer one is refused before it is read,
a shorter one after.
"""

from __future__ import annotations

import enum
import json
import math
import socket
import struct
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

_HEADER = struct.Struct("<4sB3xI")
_MAGIC = b"EVB1"
_REPORT = struct.Struct("<ddQ")
_QUERY = struct.Struct("<II")
_ANSWER = struct.Struct("<III")
_LENGTH = struct.Struct("<I")
_TEXT_LIMIT = 16 * 1024


class Kind(enum.IntEnum):
    """What a frame carries."""

    STARTED = 1  # child: the clock starts now
    REPORT = 2  # child: progress, loss, tokens
    TRAINED = 3  # child: train returned; tokens so far
    FAILED = 4  # child: kind, message, traceback
    QUERY = 5  # scorer: tokens (B, T)
    ANSWER = 6  # child: logits (B, T, V)
    QUESTION = 7  # scorer: arrays by name, and what the answer has to be
    ARRAY = 8  # child: the bytes of one array


class Malformed(Exception):
    """The other side sent bytes that are no frame of this protocol."""


class Closed(Exception):
    """The other side is gone."""


def send(sock: socket.socket, kind: Kind, payload: bytes | memoryview = b"") -> None:
    """Send one frame.

    Raises:
        Closed: the other side is gone.
        TimeoutError: the socket has a timeout, and the other side does not read.
    """
    try:
        sock.sendall(_HEADER.pack(_MAGIC, kind, len(payload)))
        if len(payload):
            sock.sendall(payload)
    except (BrokenPipeError, ConnectionResetError) as error:
        raise Closed(str(error)) from error


def receive(
    sock: socket.socket, limit: int = _TEXT_LIMIT, deadline: float = float("inf")
) -> tuple[Kind, bytearray]:
    """Read one frame of at most ``limit`` payload bytes.

    Args:
        sock: a stream socket.
        limit: largest payload accepted, bytes; a longer one is refused unread.
        deadline: ``time.monotonic()`` value after which to give up.

    Raises:
        Malformed: not a frame, or longer than ``limit``.
        Closed: the other side is gone.
        TimeoutError: the deadline passed.
    """
    magic, kind, length = _HEADER.unpack(_exactly(sock, _HEADER.size, deadline))
    if magic != _MAGIC or kind not in Kind.__members__.values():
        raise Malformed("it sent bytes that are not a frame of the protocol")
    if length > limit:
        raise Malformed(f"it sent a frame of {length} bytes where at most {limit} fit")
    return Kind(kind), _exactly(sock, length, deadline)


def _exactly(sock: socket.socket, size: int, deadline: float) -> bytearray:
    """Read exactly ``size`` bytes before the deadline."""
    data = bytearray(size)
    view = memoryview(data)
    while view:
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            raise TimeoutError
        sock.settimeout(None if remaining == float("inf") else remaining)
        try:
            got = sock.recv_into(view)
        except ConnectionResetError as error:
            raise Closed(str(error)) from error
        if got == 0:
            raise Closed("end of stream")
        view = view[got:]
    return data


def pack_report(progress: float, loss: float, tokens: int) -> bytes:
    """Encode a point of the learning curve."""
    return _REPORT.pack(progress, loss, tokens)


def unpack_report(payload: bytearray) -> tuple[float, float, int]:
    """Decode a point of the learning curve.

    Raises:
        Malformed: the payload has another size.
    """
    if len(payload) != _REPORT.size:
        raise Malformed("it sent a report of the wrong size")
    progress, loss, tokens = _REPORT.unpack(payload)
    return float(progress), float(loss), int(tokens)


def pack_failure(kind: str, message: str, traceback: str) -> bytes:
    """Encode a failure, cut to what fits a frame."""
    parts = (kind[:32], message[:1000], traceback[-8000:])
    return "\0".join(part.replace("\0", " ") for part in parts).encode("utf-8", "replace")[:_TEXT_LIMIT]


def unpack_failure(payload: bytearray) -> tuple[str, str, str]:
    """Decode a failure.

    Raises:
        Malformed: not three strings.
    """
    parts = payload.decode("utf-8", "replace").split("\0")
    if len(parts) != 3:
        raise Malformed("it sent a failure that is not three strings")
    return parts[0], parts[1], parts[2]


def pack_query(tokens: NDArray[np.int64]) -> bytes:
    """Encode tokens of shape (B, T)."""
    rows, length = tokens.shape
    return _QUERY.pack(rows, length) + tokens.astype("<i8").tobytes()


def unpack_query(payload: bytearray) -> NDArray[np.int64]:
    """Decode tokens of shape (B, T).

    Raises:
        Malformed: the payload has another size than it says.
    """
    if len(payload) < _QUERY.size:
        raise Malformed("it sent a query without a shape")
    rows, length = _QUERY.unpack_from(payload)
    if len(payload) != _QUERY.size + rows * length * 8:
        raise Malformed(f"it sent {len(payload)} bytes for a query of shape {(rows, length)}")
    return np.frombuffer(payload, dtype="<i8", offset=_QUERY.size).reshape(rows, length)


def query_limit(tokens: NDArray[np.int64]) -> int:
    """Return the payload size of this query, bytes."""
    return _QUERY.size + tokens.size * 8


def pack_answer(logits: NDArray[np.float32]) -> bytes:
    """Encode logits of shape (B, T, V)."""
    rows, length, vocab = logits.shape
    return _ANSWER.pack(rows, length, vocab) + logits.astype("<f4").tobytes()


def answer_limit(rows: int, length: int, vocab: int) -> int:
    """Return the exact payload size of an answer of this shape, bytes."""
    return _ANSWER.size + rows * length * vocab * 4


def unpack_answer(payload: bytearray, shape: tuple[int, int, int]) -> NDArray[np.float32]:
    """Decode logits, which must have exactly this shape.

    Raises:
        Malformed: another size or shape.
    """
    if len(payload) != answer_limit(*shape):
        raise Malformed(f"it sent an answer of {len(payload)} bytes where shape {shape} was asked for")
    if _ANSWER.unpack_from(payload) != shape:
        raise Malformed(f"it sent an answer of another shape than {shape}")
    return np.frombuffer(payload, dtype="<f4", offset=_ANSWER.size).reshape(shape)


def pack_question(inputs: Mapping[str, NDArray[Any]], kind: str, shape: tuple[int, ...]) -> bytes:
    """Encode arrays by name, and type and shape of the answer to them."""
    arrays = {name: np.asarray(array) for name, array in inputs.items()}
    listed = [[name, str(array.dtype), list(array.shape)] for name, array in arrays.items()]
    header = json.dumps({"inputs": listed, "kind": kind, "shape": list(shape)}).encode()
    return _LENGTH.pack(len(header)) + header + b"".join(array.tobytes() for array in arrays.values())


def unpack_question(payload: bytearray) -> tuple[dict[str, NDArray[Any]], str, tuple[int, ...]]:
    """Decode a question, in the child: it comes from the trusted side."""
    (length,) = _LENGTH.unpack_from(payload)
    at = _LENGTH.size + length
    header = json.loads(payload[_LENGTH.size : at])
    inputs = {}
    for name, kind, shape in header["inputs"]:
        count = math.prod(shape)
        inputs[name] = np.frombuffer(payload, kind, count, at).reshape(shape)
        at += count * np.dtype(kind).itemsize
    return inputs, header["kind"], tuple(header["shape"])


def array_limit(kind: str, shape: tuple[int, ...]) -> int:
    """Return the exact payload size of an answer of this type and shape, bytes."""
    return math.prod(shape) * np.dtype(kind).itemsize


def unpack_array(payload: bytearray, kind: str, shape: tuple[int, ...]) -> NDArray[Any]:
    """Decode an answer, which must have exactly the size of this type and shape.

    Raises:
        Malformed: another size.
    """
    if len(payload) != array_limit(kind, shape):
        raise Malformed(f"it sent an answer of {len(payload)} bytes where {kind} of {shape} was asked for")
    return np.frombuffer(payload, kind).reshape(shape)


Clock = Callable[[], float]
"""A monotonic clock, seconds."""
