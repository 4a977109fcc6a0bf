"""The burst's child: runs the variant's ``train``, then answers the scorer. Untrusted from here on."""

from __future__ import annotations

import contextlib
import linecache
import os
import random
import resource
import socket
import sys
import tempfile
import time
import traceback
import types
from typing import Any, NoReturn

import numpy as np
import torch
from torch import nn

from evolve.bursts import process, sandbox, wire
from evolve.bursts.burst import Burst
from evolve.bursts.messages import Order
from evolve.bursts.slot import Slot
from evolve.bursts.wire import Kind
from evolve.tasks.own import unpacked
from population.variant import FailureKind

_FILE = "train.py"
_TRACEBACK_LINES = 20
_FRAMES = 5
_LIMITS = {resource.RLIMIT_CORE: 0, resource.RLIMIT_NOFILE: 1024}
_NO_MEMORY = ("can't allocate memory", "CUDA error: out of memory", "ALLOC_FAILED")  # the last: cuBLAS, cuDNN
_KEPT = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "CUDA_HOME", "CUDA_PATH", "TZ")


class _Unmet(Exception):
    """The variant does not keep the contract."""


def run(order: Order, slot: Slot, answers: socket.socket, source: int, parent: int) -> NoReturn:
    """Confine this freshly forked process, run the variant and answer queries; never returns.

    Args:
        order: what the burst is to do.
        slot: where it runs.
        answers: this end of the stream to the scorer.
        source: descriptor of the variant's text.
        parent: process id of the supervisor.
    """
    code = 1
    try:
        text = _text(source)
        _settle(order, slot, answers, parent)
        _train_and_answer(order, slot.data, text, answers)
        code = 0
    except wire.Closed:
        code = 0
    except BaseException as error:  # noqa: BLE001 - the edge of the burst: whatever a variant raises is data
        _tell_failure(answers, error)
    finally:
        process.leave(code)


def _text(source: int) -> str:
    """Read the variant's text; it travels in memory, since a file could be anything by now."""
    with open(source, encoding="utf-8") as file:
        return file.read()


def _settle(order: Order, slot: Slot, answers: socket.socket, parent: int) -> None:
    """Leave everything of the zygote behind that the variant must not have."""
    os.setsid()
    process.die_with_parent(parent)
    process.set_dumpable(True)  # CUDA writes to its own /proc entries; nothing secret is in this memory
    os.fchdir(slot.scratch)
    keep = answers.fileno()
    os.closerange(3, keep)
    os.closerange(keep + 1, 1 << 16)
    process.limit(_LIMITS | {resource.RLIMIT_FSIZE: slot.box.scratch_bytes})
    process.go_first()
    _speak()
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    os.environ.clear()
    tempfile.tempdir = slot.box.scratch  # the zygote's own is remembered there
    os.environ.update(kept, HOME=slot.box.scratch, TMPDIR=slot.box.scratch, USER="burst", OMP_NUM_THREADS="1")
    if order.device.startswith("cuda"):
        os.environ["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"  # numbers as nvidia-smi's
        os.environ["CUDA_VISIBLE_DEVICES"] = order.device.partition(":")[2] or "0"
        os.environ["TRITON_HOME"] = slot.box.scratch  # the zygote's home is remembered there
    sandbox.confine(slot.box, slot.rules)


def _speak() -> None:
    """Write out what is printed line by line: the process may be ended with lines in its buffer."""
    for name, number in (("stdout", 1), ("stderr", 2)):
        stream = open(number, "w", 1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
        setattr(sys, name, stream)


def _train_and_answer(order: Order, data: torch.Tensor, source: str, answers: socket.socket) -> None:
    """Run the variant's entry function under the clock, then serve its model."""
    device = "cuda" if order.device.startswith("cuda") else "cpu"
    if device == "cuda":
        torch.zeros(1, device="cuda")  # the context is made before the clock starts
    torch.manual_seed(order.seed)
    np.random.seed(order.seed % 2**32)
    random.seed(order.seed)
    wire.send(answers, Kind.STARTED)
    arrays = not order.vocab_size
    burst = Burst(
        _unpacked(data) if arrays else data,
        vocab_size=order.vocab_size,
        context=order.context,
        device=device,
        seed=order.seed,
        seconds=order.seconds,
        tokens=order.tokens,
        smoke=order.smoke,
        clock=time.process_time if device == "cpu" else time.monotonic,
        send=lambda *point: wire.send(answers, Kind.REPORT, wire.pack_report(*point)),
    )
    model = _load(source, order.entry)(burst)
    if not isinstance(model, nn.Module) and not arrays:
        raise _Unmet(f"{order.entry}(burst) must return a torch.nn.Module, got {type(model).__name__}")
    if isinstance(model, nn.Module):
        model.eval()
    if device == "cuda":
        torch.cuda.synchronize()
    wire.send(answers, Kind.TRAINED, wire.pack_report(1.0, 0.0, burst.spent))
    if arrays:
        _answer_questions(model, device, answers)
    _answer(model, device, order, answers)


def _unpacked(data: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return the arrays that a task of the user's shows."""
    return {name: torch.from_numpy(array) for name, array in unpacked(data.numpy().tobytes()).items()}


def _load(source: str, entry: str) -> Any:
    """Execute the variant as a module and return its entry function."""
    linecache.cache[_FILE] = (len(source), None, source.splitlines(keepends=True), _FILE)
    module = types.ModuleType("train")
    module.__file__ = _FILE
    sys.modules["train"] = module
    exec(compile(source, _FILE, "exec", dont_inherit=True), module.__dict__)
    function = getattr(module, entry, None)
    if not callable(function):
        raise _Unmet(f"{_FILE} defines no function {entry}(burst)")
    return function


def _answer(model: nn.Module, device: str, order: Order, answers: socket.socket) -> None:
    """Answer queries until the scorer hangs up."""
    limit = 1 << 28
    while True:
        _, payload = wire.receive(answers, limit)
        tokens = torch.from_numpy(wire.unpack_query(payload).copy()).to(device)
        with torch.no_grad():
            logits = model(tokens)
        if not isinstance(logits, torch.Tensor):
            raise _Unmet(f"the model must return logits as a tensor, got {type(logits).__name__}")
        expected = (*tokens.shape, order.vocab_size)
        if tuple(logits.shape) != expected:
            raise _Unmet(f"the model must return logits of shape {expected}, got {tuple(logits.shape)}")
        wire.send(answers, Kind.ANSWER, wire.pack_answer(logits.detach().float().cpu().numpy()))


def _answer_questions(made: Any, device: str, answers: socket.socket) -> NoReturn:
    """Answer questions of a task of the user's until the scorer hangs up."""
    limit = 1 << 30
    while True:
        _, payload = wire.receive(answers, limit)
        inputs, kind, shape = wire.unpack_question(payload)
        given = {name: torch.from_numpy(array.copy()).to(device) for name, array in inputs.items()}
        with torch.no_grad():
            answer = made(**given) if callable(made) else made
        found = answer.detach().cpu().numpy() if isinstance(answer, torch.Tensor) else np.asarray(answer)
        if found.shape != shape:
            raise _Unmet(f"the answer must have shape {shape}, got {found.shape}")
        if not np.can_cast(found.dtype, kind, "same_kind"):
            raise _Unmet(f"the answer must be {kind}, got {found.dtype}")
        wire.send(answers, Kind.ARRAY, np.ascontiguousarray(found, kind).tobytes())


def _tell_failure(answers: socket.socket, error: BaseException) -> None:
    """Tell the scorer what was raised, in the variant's own line numbers."""
    kind, message = _classify(error)
    text = ""
    if not isinstance(error, _Unmet):
        text = _own_traceback(error)
        with contextlib.suppress(OSError):
            os.write(2, f"{text}\n".encode("utf-8", "replace"))
    try:
        answers.settimeout(5)
        wire.send(answers, Kind.FAILED, wire.pack_failure(kind.value, message, text))
    except (wire.Closed, OSError):
        return  # the scorer has hung up: it has its verdict already


def _classify(error: BaseException) -> tuple[FailureKind, str]:
    """Name the kind of failure that an exception is."""
    if isinstance(error, _Unmet):
        return FailureKind.CONTRACT, str(error)
    if isinstance(error, SyntaxError) and error.filename == _FILE:
        return FailureKind.SYNTAX, f"line {error.lineno}: {error.msg}"
    said = traceback.format_exception_only(error)[0].strip().partition("\n")[0]
    if isinstance(error, MemoryError | torch.OutOfMemoryError) or any(one in said for one in _NO_MEMORY):
        return FailureKind.MEMORY, said
    return FailureKind.EXCEPTION, said


def _own_traceback(error: BaseException) -> str:
    """Format the traceback by the variant's own frames and where they ended up, its last lines only."""
    told = traceback.TracebackException.from_exception(error, compact=True)
    link: traceback.TracebackException | None = told
    while link is not None:
        own = [frame for frame in link.stack if frame.filename == _FILE][-_FRAMES:]
        link.stack[:] = own if not own or own[-1] is link.stack[-1] else [*own, link.stack[-1]]
        link = link.__cause__ or link.__context__
    return "\n".join("".join(told.format()).splitlines()[-_TRACEBACK_LINES:])
