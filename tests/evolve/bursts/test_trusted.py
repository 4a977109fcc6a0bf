"""What a trusted process is given, and what is heard of it when it goes."""

from __future__ import annotations

import asyncio
import socket

from evolve.bursts import trusted


def heard(*messages: bytes, unread: bytes = b"") -> list[object]:
    """Return what is received from a peer that has sent these and left, ours unread."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours:
        ours.setblocking(False)
        if unread:
            ours.send(unread)
        with theirs:
            for message in messages:
                theirs.send(message)

        async def all_of_them() -> list[object]:
            return [await trusted.receive(ours) for _ in range(len(messages) + 1)]

        return asyncio.run(all_of_them())


def test_messages_are_heard_in_order_and_then_the_end() -> None:
    assert heard(b'{"a": 1}', b'{"b": 2}') == [{"a": 1}, {"b": 2}, None]


def test_the_last_word_of_one_who_left_without_reading_ours_is_heard() -> None:
    assert heard(b'{"cause": "exit"}', unread=b"end") == [{"cause": "exit"}, None]


def test_one_who_left_without_reading_ours_or_saying_a_word_is_gone() -> None:
    assert heard(unread=b"end") == [None]


def test_an_environment_keeps_no_variable_that_is_not_known_to_be_harmless() -> None:
    given = {"PATH": "/bin", "OPENAI_API_KEY": "sk", "AWS_SECRET": "x", "HOME": "/root", "LD_PRELOAD": "y.so"}
    kept = trusted.scrubbed(given)
    assert kept["PATH"] == "/bin"
    assert kept["OMP_NUM_THREADS"] == "1"
    assert not kept.keys() & (given.keys() - {"PATH"})
