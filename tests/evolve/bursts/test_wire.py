"""Frames come out as they went in, and nothing that the other side sends does anything but fail cleanly."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.bursts import wire
from evolve.bursts.wire import Closed, Kind, Malformed

EXAMPLES = settings(deadline=None, max_examples=100)
FINE = st.floats(allow_nan=False)


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    one, other = socket.socketpair()
    with one, other:
        yield one, other


def received(data: bytes, limit: int = 64) -> tuple[Kind, bytearray]:
    """Receive what a peer sends that hangs up at once."""
    one, other = socket.socketpair()
    with one, other:
        one.sendall(data)
        one.close()
        return wire.receive(other, limit, time.monotonic() + 5)


@EXAMPLES
@given(st.sampled_from(Kind), st.binary(max_size=64))
def test_a_frame_comes_out_as_it_went_in(kind: Kind, payload: bytes) -> None:
    one, other = socket.socketpair()
    with one, other:
        wire.send(one, kind, payload)
        assert wire.receive(other, 64) == (kind, payload)


def test_a_frame_longer_than_the_sockets_buffer_comes_out_whole(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    payload = bytes(range(256)) * (1 << 14)
    sender = threading.Thread(target=wire.send, args=(pair[0], Kind.ANSWER, payload))
    sender.start()
    assert wire.receive(pair[1], len(payload)) == (Kind.ANSWER, payload)
    sender.join()


@EXAMPLES
@given(st.one_of(st.binary(max_size=200), st.binary(max_size=60).map(lambda tail: b"EVB1" + tail)))
def test_arbitrary_bytes_are_a_frame_or_malformed_or_cut_off(data: bytes) -> None:
    try:
        _, payload = received(data)
    except (Malformed, Closed):
        return
    assert data[12:].startswith(payload)


@EXAMPLES
@given(st.binary(max_size=200))
def test_arbitrary_payloads_are_decoded_or_malformed(data: bytes) -> None:
    payload = bytearray(data)
    for decode in (wire.unpack_report, wire.unpack_failure, wire.unpack_query):
        try:
            decode(payload)
        except Malformed:
            continue


def test_a_frame_that_is_too_long_is_refused_before_it_is_there(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    pair[0].sendall(struct.pack("<4sB3xI", b"EVB1", Kind.ANSWER, 0xFFFFFFFF))
    with pytest.raises(Malformed, match="a frame of 4294967295 bytes where at most 64 fit"):
        wire.receive(pair[1], 64, time.monotonic() + 5)


@pytest.mark.parametrize("kind", [0, 9, 255])
def test_an_unknown_kind_is_malformed(kind: int) -> None:
    with pytest.raises(Malformed, match="not a frame"):
        received(struct.pack("<4sB3xI", b"EVB1", kind, 0))


def test_a_frame_that_never_ends_is_given_up_at_the_deadline(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    pair[0].sendall(struct.pack("<4sB3xI", b"EVB1", Kind.REPORT, 24) + bytes(23))
    started = time.monotonic()
    with pytest.raises(TimeoutError):
        wire.receive(pair[1], 64, started + 0.05)
    assert 0.04 < time.monotonic() - started < 2.0


def test_a_deadline_that_has_passed_reads_nothing(pair: tuple[socket.socket, socket.socket]) -> None:
    wire.send(pair[0], Kind.STARTED)
    with pytest.raises(TimeoutError):
        wire.receive(pair[1], 64, time.monotonic() - 1)


def test_sending_to_one_who_is_gone_is_closed(pair: tuple[socket.socket, socket.socket]) -> None:
    pair[1].close()
    with pytest.raises(Closed):
        wire.send(pair[0], Kind.STARTED)


def test_receiving_from_one_who_left_with_a_frame_unread_is_closed(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    wire.send(pair[1], Kind.QUERY, b"unread")
    pair[0].close()
    with pytest.raises(Closed):
        wire.receive(pair[1], 64)


@EXAMPLES
@given(FINE, FINE, st.integers(0, 2**64 - 1))
def test_a_report_comes_out_as_it_went_in(progress: float, loss: float, tokens: int) -> None:
    assert wire.unpack_report(bytearray(wire.pack_report(progress, loss, tokens))) == (progress, loss, tokens)


@EXAMPLES
@given(st.text(max_size=40), st.text(max_size=2000), st.text(max_size=20_000))
def test_a_failure_fits_a_frame_and_comes_out_as_three_strings(kind: str, message: str, text: str) -> None:
    payload = wire.pack_failure(kind, message, text)
    assert len(payload) <= 16 * 1024
    assert len(wire.unpack_failure(bytearray(payload))) == 3


def test_a_failure_keeps_the_end_of_its_traceback() -> None:
    text = "first line\n" + "x" * 20_000 + "\nlast line"
    assert wire.unpack_failure(bytearray(wire.pack_failure("exception", "oh", text)))[2].endswith(
        "\nlast line"
    )


def test_a_failure_of_wide_characters_is_cut_and_still_three_strings() -> None:
    payload = wire.pack_failure("exception", "é" * 1000, "語" * 8000)
    assert len(payload) == 16 * 1024
    assert wire.unpack_failure(bytearray(payload))[1] == "é" * 1000


@EXAMPLES
@given(st.integers(1, 4), st.integers(1, 9), st.integers(0, 2**32))
def test_a_query_comes_out_as_it_went_in(rows: int, length: int, seed: int) -> None:
    tokens = np.random.default_rng(seed).integers(0, 256, (rows, length))
    payload = wire.pack_query(tokens)
    np.testing.assert_array_equal(wire.unpack_query(bytearray(payload)), tokens)


@EXAMPLES
@given(st.integers(1, 3), st.integers(1, 5), st.integers(1, 7))
def test_an_answer_comes_out_as_it_went_in_to_the_last_bit(rows: int, length: int, vocab: int) -> None:
    logits = np.random.default_rng(0).normal(size=(rows, length, vocab)).astype(np.float32)
    payload = wire.pack_answer(logits)
    assert len(payload) == wire.answer_limit(rows, length, vocab)
    np.testing.assert_array_equal(wire.unpack_answer(bytearray(payload), logits.shape), logits)


@pytest.mark.parametrize("size", [0, 11, 107, 109])
def test_an_answer_of_another_size_is_malformed(size: int) -> None:
    with pytest.raises(Malformed, match=rf"an answer of {size} bytes where shape \(2, 3, 4\) was asked for"):
        wire.unpack_answer(bytearray(size), (2, 3, 4))


def test_an_answer_of_another_shape_is_malformed() -> None:
    payload = wire.pack_answer(np.zeros((3, 2, 4), dtype=np.float32))
    with pytest.raises(Malformed, match=r"another shape than \(2, 3, 4\)"):
        wire.unpack_answer(bytearray(payload), (2, 3, 4))
