"""What a burst prints is kept from both ends."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.bursts.weighing import Capped


def kept(pieces: list[bytes], half: int) -> bytes:
    capped = Capped(half)
    for piece in pieces:
        capped.add(piece)
    return capped.kept()


def test_a_short_stream_is_kept_whole() -> None:
    assert kept([b"one ", b"two"], half=5) == b"one two"


def test_nothing_is_kept_of_nothing() -> None:
    assert kept([], half=5) == b""


def test_a_long_stream_keeps_its_head_and_its_tail_and_says_how_much_is_lost() -> None:
    assert kept([b"0123456789" * 10], half=4) == b"0123\n... 92 bytes left out ...\n6789"


@settings(deadline=None, max_examples=200)
@given(st.lists(st.binary(max_size=30), max_size=20), st.integers(1, 20))
def test_head_tail_and_gap_add_up_however_the_stream_is_cut(pieces: list[bytes], half: int) -> None:
    stream = b"".join(pieces)
    result = kept(pieces, half)
    if len(stream) <= 2 * half:
        assert result == stream
        return
    assert result.startswith(stream[:half])
    assert result.endswith(stream[-half:])
    gap = re.fullmatch(rb"\n\.\.\. (\d+) bytes left out \.\.\.\n", result[half:-half])
    assert gap is not None
    assert int(gap[1]) == len(stream) - 2 * half
