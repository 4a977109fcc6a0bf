"""What a trusted process is given, and what is heard of it when it goes."""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections.abc import Iterable
from pathlib import Path

import pytest

from evolve.bursts import trusted
from evolve.bursts.trusted import Struck, Trusted
from evolve.errors import EngineFault


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


class Fated(Trusted):
    """A process whose start comes to what is given."""

    def __init__(self, fault: EngineFault | None) -> None:
        self.fault = fault

    async def ready(self) -> dict[str, object]:
        if self.fault is not None:
            raise self.fault
        return {}


def launched(faults: Iterable[EngineFault | None]) -> Trusted:
    """Launch processes whose starts come to these, one after the other."""
    coming = iter(faults)
    return asyncio.run(trusted.launched(lambda: Fated(next(coming))))


def test_a_process_that_is_killed_while_it_starts_is_started_again() -> None:
    assert launched([*[Struck("killed")] * 10, None])


def test_a_process_that_fails_by_itself_is_given_up_soon() -> None:
    assert launched([EngineFault("one"), Struck("killed"), EngineFault("two"), None])
    with pytest.raises(EngineFault, match="three"):
        launched([EngineFault("one"), EngineFault("two"), EngineFault("three"), None])


def test_a_process_that_is_always_killed_is_given_up_in_the_end() -> None:
    with pytest.raises(Struck, match="killed"):
        launched(itertools.repeat(Struck("killed")))


@pytest.mark.parametrize(
    ("command", "fault"),
    [
        (["sh", "-c", "kill -9 $$"], Struck),
        (["sh", "-c", "exit 137"], Struck),  # as bubblewrap tells of its own child
        (["sh", "-c", "exit 1"], EngineFault),
    ],
)
def test_how_a_start_ended_is_told_by_the_exit_code(
    command: list[str], fault: type[EngineFault], tmp_path: Path
) -> None:
    async def start() -> None:
        await Trusted("evolve.bursts.scorer", [], tmp_path / "scorer.log", command).ready()

    with pytest.raises(EngineFault, match="the scorer process") as told:
        asyncio.run(start())
    assert told.type is fault
