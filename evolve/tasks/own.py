"""Tasks of one's own, in Python: what a variant may see, what it is asked, and how its answers are scored.

A file defines a class::

    from evolve.tasks import Query, Task

    class Digits(Task):
        metric, direction, entry = "accuracy", "maximize", "train"

        def describe(self): ...            # for the LLM: the data, and what the entry function returns
        def shown(self): ...               # arrays that a variant gets as ``burst.data``
        def queries(self): ...             # what its answer is asked for: inputs without labels
        def score(self, answers): ...      # one number, from the answers and what only the task knows

and a search takes it by ``--task FILE``, or ``FILE:Digits`` where there are several. The file runs in the
engine and in the scorer, which are trusted; a variant runs confined in another process, gets ``shown`` and
the inputs of queries, and nothing else: neither the file nor what ``hidden`` names can be read by it.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
import json
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, Protocol, TypeVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from evolve.errors import InputError
from evolve.tasks.task import Bytes, Unfit, Unseen
from population.variant import Direction, FailureKind

T = TypeVar("T")
Arrays = Mapping[str, NDArray[Any]]
KINDS = ("float32", "float64", "int64", "uint8")
"""Types of numbers that arrays may have."""

_MOST = 1 << 28  # bytes of one answer
_CONTRACT = """\
The contract of the program: one self-contained Python file (torch, numpy, the standard library) that defines

    def {entry}(burst)

and returns {returned}. The same question must always get the same answer.
It runs confined: one thread or one GPU, no network, no files but Python's own and an empty working directory.

`burst` gives
- burst.data: a dict of tensors in CPU memory: {shown};
- burst.device ("cpu" or "cuda"), burst.seconds, burst.seed (torch, numpy, random are seeded with it already);
- burst.progress(): the part of the budget used, 0 to 1; return soon after it reaches 1;
- burst.report(loss): a point of the learning curve; burst.count(items): what was trained on.

A number worth tuning stands on a line of its own: `NAME = value  # tune: log 1e-4..1e-1` (or `0..1`,
`int 2..12`, `int 64..512 step 64`, `choice a b c`)."""


@dataclass(frozen=True, slots=True)
class Query:
    """One question to a variant.

    Args:
        shape: of the answer.
        kind: type of its numbers, one of ``KINDS``.
        inputs: arrays that what the entry function returned is called with, by name, as tensors; without
            any, the answer is what it returned.
    """

    shape: tuple[int, ...] = ()
    kind: str = "float64"
    inputs: Arrays = field(default_factory=dict)


class Task:
    """A task of one's own; override what it is about.

    Attributes:
        metric: name of the score.
        direction: ``minimize`` or ``maximize``.
        entry: name of the function that a variant must define, with one argument.
    """

    metric = "score"
    direction = "maximize"
    entry = "train"

    def describe(self) -> str:
        """Return what it is about, what ``burst.data`` holds and what is to be returned, for the LLM."""
        raise NotImplementedError

    def shown(self) -> Arrays:
        """Return all that a variant may see, such as the train split; nothing by default."""
        return {}

    def hidden(self) -> Sequence[Path]:
        """Return installed files and folders that hold labels, so that a variant cannot read them."""
        return ()

    def queries(self) -> Sequence[Query]:
        """Return what a variant is asked, in the order in which ``score`` gets the answers."""
        raise NotImplementedError

    def score(self, answers: Sequence[NDArray[Any]]) -> float:
        """Return the score of the answers, which have the shapes and types asked for, and are finite.

        Raises:
            ValueError: they break a rule of the task; the message goes to the variant's author.
        """
        raise NotImplementedError

    def smaller(self) -> Task:
        """Return a task with few queries, to see in a moment whether a variant runs at all."""
        return self


class Ask(Protocol):
    """The trusted side's only way to what a variant made."""

    def __call__(self, query: Query) -> NDArray[Any]:
        """Return its answer, of the shape and kind asked for; values are still to be checked."""


@dataclass(frozen=True, slots=True)
class OwnTask:
    """A task of the user's, as the engine and the scorer have it.

    Args:
        file: where its class is.
        kind: name of the class.
        task: one of it.
        packed: what a variant may see, as the bytes of an ``npz`` file.
        digest: content hash of the file and of all arrays, in hex.
    """

    name: ClassVar[str] = "own"
    trust: ClassVar[str] = ""

    file: Path
    kind: str
    task: Task
    packed: bytes = field(repr=False)
    digest: str

    @classmethod
    def load(cls, where: str) -> OwnTask:
        """Load ``FILE`` or ``FILE:CLASS``.

        Raises:
            InputError: one sentence on what is wrong with it.
        """
        name, _, kind = where.partition(":")
        file = Path(name).resolve()
        made = _made(file, kind)
        _check(made, file)
        packed, queries = _tried(file, lambda: (_packed(made.shown()), list(made.queries())))
        for query in queries:
            _check_query(query, where)
        if not queries:
            raise InputError(f"--task {where}: it asks nothing; let queries() return one at least")
        total = hashlib.sha256(file.read_bytes() + packed)
        for query in queries:
            total.update(json.dumps([query.shape, query.kind]).encode() + _packed(query.inputs))
        return cls(file, type(made).__name__, made, packed, total.hexdigest())

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any]) -> OwnTask:
        """Rebuild from ``to_spec()``.

        Raises:
            InputError: it is no longer the one that the spec was made with.
        """
        task = cls.load(f"{spec['file']}:{spec['name']}")
        if task.digest != spec["fingerprint"]:
            raise InputError(f"{task.file} has changed since the run was started")
        return task

    @property
    def metric(self) -> str:
        """Name of the score."""
        return self.task.metric

    @property
    def direction(self) -> Direction:
        """Which way it is better."""
        return Direction(self.task.direction)

    @property
    def entry(self) -> str:
        """Name of the function that a variant must define."""
        return self.task.entry

    def to_spec(self, split: Unseen = "validation") -> dict[str, Any]:
        """Return plain JSON for ``from_spec``; there is one way to be scored, whatever the split."""
        where = {"file": str(self.file), "name": self.kind}
        return {"task": self.name, **where, "fingerprint": self.digest}

    def describe(self) -> str:
        """Return what it is about, with the contract."""
        asked = any(query.inputs for query in self.task.queries())
        returned = "what is called with the inputs of a question" if asked else "the answer itself"
        shown = ", ".join(f"{name} {array.shape}" for name, array in self.task.shown().items()) or "empty"
        better = "Lower" if self.direction is Direction.MINIMIZE else "Higher"
        return (
            f"{self.task.describe().strip()}\nMetric: {self.metric}. {better} is better.\n\n"
            + _CONTRACT.format(entry=self.entry, returned=returned, shown=shown)
        )

    def fingerprint(self) -> str:
        """Return the content hash, in hex."""
        return self.digest

    def origin(self) -> str:
        """Name what scores rest on."""
        return f"the task in {self.file}"

    def train_bytes(self) -> Bytes:
        """Return what a variant may see, packed, uint8 (N,)."""
        return np.frombuffer(self.packed, dtype=np.uint8)

    def held_out(self) -> tuple[Path, ...]:
        """Return what a variant must not read: the file, and what it names."""
        return (self.file, *map(Path, self.task.hidden()))

    def smaller(self) -> OwnTask:
        """Return the task with few queries."""
        return replace(self, task=self.task.smaller())

    def score(self, ask: Ask, rng: Generator) -> float:
        """Ask all queries, in an order drawn from ``rng``, the first one twice; return the score.

        Raises:
            Unfit: an answer is not finite, or another one the second time, or breaks a rule of the task.
        """
        queries = list(self.task.queries())
        order = [int(number) for number in rng.permutation(len(queries))]
        answers = {number: _finite(ask(queries[number])) for number in order}
        again = ask(queries[order[0]])
        if not np.array_equal(again, answers[order[0]]):
            raise Unfit(FailureKind.STATEFUL, "the same question got another answer the second time")
        try:
            score = float(self.task.score([answers[number] for number in range(len(queries))]))
        except ValueError as error:
            raise Unfit(FailureKind.CONTRACT, str(error)) from error
        if not math.isfinite(score):
            raise Unfit(FailureKind.NONFINITE, f"its {self.metric} is {score}")
        return score


def unpacked(data: bytes) -> dict[str, NDArray[Any]]:
    """Return the arrays that ``shown`` returned."""
    with np.load(io.BytesIO(data), allow_pickle=False) as found:
        return dict(found)


def _packed(arrays: Arrays) -> bytes:
    """Write arrays as an ``npz`` file, the same bytes for the same arrays."""
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **{name: np.asarray(array) for name, array in arrays.items()})
    return file.getvalue()


def _made(file: Path, kind: str) -> Task:
    """Load a file and make its task."""
    if not file.is_file():
        raise InputError(f"--task {file}: there is no such file")
    module = _loaded(file)
    own = [
        one
        for one in vars(module).values()
        if isinstance(one, type) and issubclass(one, Task) and one.__module__ == module.__name__
    ]
    named = [one for one in own if not kind or one.__name__ == kind]
    if len(named) != 1:
        names = ", ".join(one.__name__ for one in own)
        what = f"no class {kind}" if kind else f"{len(named) or 'no'} classes"
        raise InputError(
            f"--task {file}: it defines {what} made from evolve.tasks.Task; it has {names or 'none'}"
        )
    return _tried(file, named[0])


def _loaded(file: Path) -> ModuleType:
    """Run the user's file; what lies beside it can be imported."""
    spec = importlib.util.spec_from_file_location("evolve_own_task", file)
    assert spec is not None
    loader = spec.loader
    assert loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    if str(file.parent) not in sys.path:
        sys.path.append(str(file.parent))
    _tried(file, lambda: loader.exec_module(module))
    return module


def _tried(file: Path, work: Callable[[], T]) -> T:
    """Do what runs the user's code; its failure is told in one sentence."""
    try:
        return work()
    except Exception as error:
        raise InputError(f"--task {file}: {type(error).__name__}: {error}") from error


def _check(task: Task, file: Path) -> None:
    """Refuse a task whose facts cannot be used."""
    if task.direction not in Direction.__members__.values():
        raise InputError(f"--task {file}: direction = {task.direction!r}; write minimize or maximize")
    if not (isinstance(task.entry, str) and task.entry.isidentifier()):
        raise InputError(f"--task {file}: entry = {task.entry!r} is no name of a function")
    if not (isinstance(task.metric, str) and task.metric):
        raise InputError(f"--task {file}: metric = {task.metric!r}; name the score")


def _check_query(query: Query, where: str) -> None:
    """Refuse a query that cannot be asked."""
    if query.kind not in KINDS:
        raise InputError(f"--task {where}: an answer of kind {query.kind!r}; it may be {', '.join(KINDS)}")
    if math.prod(query.shape) * np.dtype(query.kind).itemsize > _MOST:
        raise InputError(f"--task {where}: an answer of shape {query.shape} is too large")
    for name, array in query.inputs.items():
        if str(np.asarray(array).dtype) not in KINDS:
            raise InputError(
                f"--task {where}: input {name} is {np.asarray(array).dtype}; it may be {', '.join(KINDS)}"
            )


def _finite(answer: NDArray[Any]) -> NDArray[Any]:
    """Refuse an answer that is not finite."""
    if not np.isfinite(answer).all():
        raise Unfit(FailureKind.NONFINITE, "an answer holds NaN or infinity")
    return answer
