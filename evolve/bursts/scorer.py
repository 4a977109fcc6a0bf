"""The trusted scorer: a process that holds the labels, asks a burst's child for answers and scores them.

One scorer serves one slot. It never runs a variant's code and never imports torch. For each burst the
engine passes it the other end of the child's stream; what it finds goes back to the engine as JSON.

Not covered: a burst that goes on training while it is asked, in a thread or in its answers. The time for
scoring is all that bounds it.

Run as ``python -m evolve.bursts.scorer CONTROL_FD TASK_JSON``.
"""

from __future__ import annotations

import json
import math
import os
import signal
import socket
import sys
import time
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evolve.bursts import process, wire
from evolve.bursts.messages import Rules, Verdict
from evolve.bursts.wire import Kind
from evolve.tasks.own import OwnTask, Query
from evolve.tasks.registry import from_spec
from evolve.tasks.task import Scorable, Unfit
from population.variant import FailureKind

_REPORTS_KEPT = 200


class _Told(Exception):
    """The child itself tells of its failure."""

    def __init__(self, kind: FailureKind, message: str, traceback: str) -> None:
        super().__init__(message)
        self.kind, self.message, self.traceback = kind, message, traceback


class _Burst:
    """The conversation with one child."""

    def __init__(self, answers: socket.socket, rules: Rules, engine: socket.socket) -> None:
        self._answers = answers
        self._rules = rules
        self._engine = engine
        self._reports = 0
        self._deadline = math.inf
        self.tokens = 0
        self.train_seconds = 0.0

    def train(self) -> None:
        """Follow the child until ``train`` has returned, forwarding its learning curve.

        Raises:
            Unfit: it took longer than its budget, or failed, or sent what is no frame.
            wire.Closed: the child is gone.
        """
        rules = self._rules
        self._expect(Kind.STARTED, time.monotonic() + rules.setup, "before its clock started")
        started = time.monotonic()
        late = f"it ran past its budget of {rules.seconds:g} s"
        while True:
            kind, payload = self._receive(started + rules.patience, late)
            if kind is Kind.REPORT:
                self._forward(*wire.unpack_report(payload))
            elif kind is Kind.TRAINED:
                self.train_seconds = time.monotonic() - started
                self.tokens = wire.unpack_report(payload)[2]
                self._deadline = time.monotonic() + rules.scoring
                self._engine.send(json.dumps({"trained": True}).encode())
                return
            else:
                raise Unfit(FailureKind.CONTRACT, f"it sent a frame of kind {kind.name} while training")

    def ask(self, tokens: NDArray[np.int64]) -> NDArray[np.float32]:
        """Ask the model for logits: tokens (B, T) in, float32 (B, T, vocab) out."""
        rows, length = tokens.shape
        shape = (rows, length, self._rules.vocab_size)
        self._answers.settimeout(max(0.001, self._deadline - time.monotonic()))
        wire.send(self._answers, Kind.QUERY, wire.pack_query(tokens))
        kind, payload = self._receive(self._deadline, "scoring took too long", wire.answer_limit(*shape))
        if kind is not Kind.ANSWER:
            raise Unfit(FailureKind.CONTRACT, f"it sent a frame of kind {kind.name} for an answer")
        return wire.unpack_answer(payload, shape)

    def answered(self, query: Query) -> NDArray[Any]:
        """Ask a question of a task of one's own; the answer has the shape and type asked for."""
        self._answers.settimeout(max(0.001, self._deadline - time.monotonic()))
        inputs = {name: np.asarray(array) for name, array in query.inputs.items()}
        wire.send(self._answers, Kind.QUESTION, wire.pack_question(inputs, query.kind, query.shape))
        limit = wire.array_limit(query.kind, query.shape)
        kind, payload = self._receive(self._deadline, "scoring took too long", limit)
        if kind is not Kind.ARRAY:
            raise Unfit(FailureKind.CONTRACT, f"it sent a frame of kind {kind.name} for an answer")
        return wire.unpack_array(payload, query.kind, query.shape)

    def _receive(self, deadline: float, late: str, limit: int = 1 << 14) -> tuple[Kind, bytearray]:
        """Read one frame; a failure that the child tells of is raised."""
        try:
            kind, payload = wire.receive(self._answers, max(limit, 1 << 14), deadline)
        except TimeoutError:
            raise Unfit(FailureKind.TIMEOUT, late) from None
        if kind is Kind.FAILED:
            name, message, text = wire.unpack_failure(payload)
            known = FailureKind(name) if name in FailureKind.__members__.values() else FailureKind.CONTRACT
            raise _Told(known, message, text)
        return kind, payload

    def _expect(self, wanted: Kind, deadline: float, when: str) -> None:
        """Read one frame of this kind."""
        kind, _ = self._receive(deadline, f"the burst hung {when}")
        if kind is not wanted:
            raise Unfit(FailureKind.CONTRACT, f"it sent a frame of kind {kind.name} {when}")

    def _forward(self, progress: float, loss: float, tokens: int) -> None:
        """Pass a point of the learning curve on, within reason."""
        self._reports += 1
        if self._reports <= _REPORTS_KEPT and 0.0 <= progress <= 1.0:
            point = {"report": [progress, loss if math.isfinite(loss) else None], "tokens": tokens}
            self._engine.send(json.dumps(point).encode())


def judge(task: Scorable, answers: socket.socket, rules: Rules, engine: socket.socket) -> Verdict:
    """Follow one burst to its end and return the verdict on it."""
    burst = _Burst(answers, rules, engine)
    task = task.smaller() if rules.smoke else task
    try:
        burst.train()
        ask = burst.answered if isinstance(task, OwnTask) else burst.ask
        score = task.score(ask, np.random.default_rng(rules.secret))
        return Verdict(score=score, train_seconds=burst.train_seconds, tokens=burst.tokens)
    except _Told as told:
        verdict = Verdict(kind=told.kind.value, message=told.message, traceback=told.traceback)
    except Unfit as unfit:
        verdict = Verdict(kind=unfit.kind.value, message=unfit.message)
    except wire.Malformed as malformed:
        verdict = Verdict(kind=FailureKind.CONTRACT.value, message=str(malformed))
    except TimeoutError:
        verdict = Verdict(kind=FailureKind.TIMEOUT.value, message="it did not take the scorer's query")
    except wire.Closed:
        verdict = Verdict()
    return Verdict(**(asdict(verdict) | {"train_seconds": burst.train_seconds, "tokens": burst.tokens}))


def main(arguments: list[str]) -> None:
    """Score bursts, one at a time, until the engine is gone."""
    engine = socket.socket(fileno=int(arguments[0]))
    process.set_dumpable(False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    task: Scorable = from_spec(json.loads(arguments[1]))
    engine.send(json.dumps({"ready": os.getpid(), "fingerprint": task.fingerprint()}).encode())
    while True:
        message, descriptors, _, _ = socket.recv_fds(engine, 1 << 16, 1)
        if not message:
            return
        rules: dict[str, Any] = json.loads(message)
        with socket.socket(fileno=descriptors[0]) as answers:
            verdict = judge(task, answers, Rules(**rules), engine)
        engine.send(json.dumps(asdict(verdict)).encode())


if __name__ == "__main__":
    main(sys.argv[1:])
