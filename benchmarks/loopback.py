"""A scripted LLM in a process of its own: moves one number of the program that it is shown, after a while.

``python -m benchmarks.loopback --latency 2`` prints its port and serves until its standard input ends. The
program is the last fenced block with a ``# tune:`` line; the reply is one SEARCH/REPLACE block.
"""

from __future__ import annotations

import argparse
import math
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.scripted_llm import SPAN, TUNE, Messages, ScriptedLLM, last_program

_SAID = "Hypothesis: {name} was too far off\n\n<<<<<<< SEARCH\n{old}\n=======\n{new}\n>>>>>>> REPLACE\n"


def mover(latency: float, seed: int = 0) -> Callable[[Messages], str]:
    """Return what answers after ``latency`` seconds, and hardly ever twice the same."""
    draws = random.Random(seed)

    def reply(messages: Messages) -> str:
        time.sleep(latency)
        asked = next(str(m["content"]) for m in reversed(messages) if m["role"] == "user")
        lines = [(one, spot) for one in last_program(asked).splitlines() if (spot := TUNE.match(one))]
        while lines:
            old, found = draws.choice(lines)
            span = SPAN.match(found["rule"])
            if span is not None and span["kind"] != "int":
                low, high = float(span["low"]), float(span["high"])
                share = draws.random()
                value = low * (high / low) ** share if span["kind"] == "log" else low + share * (high - low)
                value = min(max(value, math.nextafter(low, high)), math.nextafter(high, low))
                new = old.replace(f"{found['set']}{found['value']}", f"{found['set']}{value!r}", 1)
                return _SAID.format(name=found["name"], old=old, new=new)
        return "Nothing stands out."  # it is not about a program

    return reply


@contextmanager
def served(latency: float) -> Iterator[str]:
    """Start such a server; yield its address."""
    command = [sys.executable, "-m", "benchmarks.loopback", "--latency", str(latency)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
    finally:
        process.stdin.close()
        process.wait()


def main() -> None:
    """Serve until nobody holds the other end of standard input."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--latency", type=float, default=0.0)
    with ScriptedLLM([mover(parser.parse_args().latency)]) as server:
        print(server.port, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
