"""The evaluation that all systems share, and the log that evaluations are counted by.

    PEERS_LANDSCAPE=interplay:3 PEERS_LOG=/tmp/run/log.jsonl python -m benchmarks.peers.evaluator program.py

``evaluate(path)`` scores the program in a file, whoever calls it, from whatever process: a peer's
interpreter needs this package on its path, and nothing but the standard library. Each call appends one line
to the log under a lock, so that the n-th line is the n-th evaluation:

    {"index": 1, "digest": "...", "repeat": 0, "score": 1.61, "truth": 1.62, "failure": "", "late": false,
     "time": 1790000000.0, "seconds": 0.01}

``score`` is what the system gets to see: with noise, lower is better, null when the program failed.
``truth`` is for the report; on the landscape of real training it is null, and measured afterwards. A
program that is evaluated again gets fresh noise: its ``repeat`` is what the noise is drawn by. Sources are
kept beside the log, in a folder of its name with ``.sources``, by digest. Nothing here writes to a
terminal.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from benchmarks.peers.landscapes import NAMES, landscape
from benchmarks.peers.reading import Broken

LANDSCAPE, LOG, SERVICE = "PEERS_LANDSCAPE", "PEERS_LOG", "PEERS_SERVICE"
"""Variables of the environment: ``name:instance``, the log's path, and the address of the burst service."""

REAL = "language"
"""The landscape of real training, scored by the burst service."""


@dataclass(frozen=True)
class Outcome:
    """What one evaluation came to; also a line of the log.

    Args:
        index: number of the evaluation in its log, from 1.
        digest: of the source.
        repeat: earlier evaluations of the same source.
        score: with noise, lower is better; None when the program failed.
        truth: without noise; None when it failed, and where it is not known yet.
        failure: why there is no score.
        late: it fails in a whole burst only.
        time: unix time at which it ended.
        seconds: that it took.
    """

    index: int
    digest: str
    repeat: int
    score: float | None
    truth: float | None
    failure: str
    late: bool
    time: float
    seconds: float


def evaluate(program: str | Path) -> Outcome:
    """Score the program in a file and put the evaluation on record."""
    return evaluate_source(Path(program).read_text(encoding="utf-8", errors="replace"))


def evaluate_source(source: str) -> Outcome:
    """Score a program and put the evaluation on record.

    Raises:
        KeyError: a variable of the environment is missing.
        ValueError: there is no such landscape.
    """
    name, _, instance = os.environ[LANDSCAPE].partition(":")
    started = time.time()
    log = Path(os.environ[LOG])
    digest = digest_of(source)
    scored = _real(source, int(instance or 0)) if name == REAL else None
    with _locked(log) as file:
        lines = [json.loads(line) for line in file]
        repeat = sum(line["digest"] == digest for line in lines)
        score, truth, broken = scored or _synthetic(source, name, int(instance or 0), repeat)
        ended = time.time()
        failure, late = ("", False) if broken is None else (broken.message, broken.late)
        outcome = Outcome(
            len(lines) + 1, digest, repeat, score, truth, failure, late, ended, round(ended - started, 4)
        )
        file.write(json.dumps(asdict(outcome)) + "\n")
        _keep(log, digest, source)
    return outcome


def digest_of(source: str) -> str:
    """Return the content hash of a source."""
    return hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def outcomes(log: Path) -> list[Outcome]:
    """Read a log."""
    return [Outcome(**json.loads(line)) for line in log.read_text().splitlines()] if log.exists() else []


def source_of(log: Path, digest: str) -> str:
    """Return a source that was evaluated."""
    return (_sources(log) / f"{digest}.py").read_text(encoding="utf-8")


def _synthetic(
    source: str, name: str, instance: int, repeat: int
) -> tuple[float | None, float | None, Broken | None]:
    if name not in NAMES:
        raise ValueError(f"{LANDSCAPE} names one of {', '.join(NAMES)} or {REAL}, got {name!r}")
    where = landscape(name, instance)
    score, truth = where.score(source, repeat), where.truth(source)
    if isinstance(score, Broken) or isinstance(truth, Broken):
        return None, None, truth if isinstance(truth, Broken) else None
    return score, truth, None


def _real(source: str, instance: int) -> tuple[float | None, None, Broken | None]:
    """Have a program trained by the burst service, under a seed that it draws."""
    body = json.dumps({"source": source, "instance": instance}).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{os.environ[SERVICE]}/burst", body, headers)
    with urllib.request.urlopen(request, timeout=600) as reply:
        answer: dict[str, Any] = json.loads(reply.read())
    broken = Broken(answer["failure"], answer["late"]) if answer["failure"] else None
    return answer["score"], None, broken


@contextmanager
def _locked(log: Path) -> Iterator[IO[str]]:
    """Open a log to read it all, then append; one process at a time."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        yield file
        file.flush()


def _keep(log: Path, digest: str, source: str) -> None:
    """Keep a source beside the log, which the caller holds locked."""
    path = _sources(log) / f"{digest}.py"
    path.parent.mkdir(exist_ok=True)
    if not path.exists():
        draft = path.with_suffix(".draft")
        draft.write_text(source, encoding="utf-8", errors="replace")
        draft.replace(path)


def _sources(log: Path) -> Path:
    return log.with_name(f"{log.name}.sources")


def main() -> None:
    """Evaluate one file and print the outcome."""
    print(json.dumps(asdict(evaluate(sys.argv[1]))))


if __name__ == "__main__":
    main()
