"""Asks once over a folder of receipts, and kills itself with SIGKILL where it is told to.

``python killed_chat.py FOLDER LEDGER API_BASE POINT``, POINT being ``stub`` or ``receipt`` (as soon as that
is written), ``recorded`` (as soon as the call is) or ``request`` (the server does it).
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from operators.chat import Ask, Model, ReplyForm
from operators.llm import LiteLLM
from population.ledger import Call

MODEL = Model("openai/x", 1.0, ReplyForm.DIFF, small=False)
ASK = Ask((("user", "Change one line."),), "mutate", ReplyForm.DIFF, number=7)
PRICES = {"openai/x": (2.0, 10.0)}


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main(folder: Path, ledger: Path, api_base: str, point: str) -> None:
    written = 0

    async def durably(write: Callable[[], None]) -> None:
        nonlocal written
        write()
        written += 1
        if point == ["stub", "receipt"][written - 1]:
            die()

    def record(call: Call) -> None:
        with ledger.open("a") as file:
            file.write(json.dumps(dataclasses.asdict(call)) + "\n")
        if point == "recorded":
            die()

    chat = LiteLLM(
        (MODEL,),
        transcripts=folder,
        record=record,
        api_base=api_base,
        prices=PRICES,
        environment={},
        durably=durably,
    )
    asyncio.run(chat.complete(MODEL, ASK))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4])
