"""Byte-level language modelling: validation bits per byte, lower is better."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.random import Generator, default_rng

from evolve.tasks import corpus
from evolve.tasks.corpus import DataError, Split
from evolve.tasks.scoring import Held, bits_per_byte, cuts
from evolve.tasks.task import Ask, Bytes, Tokens, Unseen
from population.variant import Direction

VOCAB_SIZE = 256

_CONTRACT = """\
The contract of train.py: one self-contained Python file (torch, numpy, the standard library) that defines

    def train(burst) -> torch.nn.Module

The module returned maps int64 tokens (B, T) to logits (B, T, {vocab_size}), for any T up to {context}. Logits
at position t may depend on tokens 0..t of the same row only, and the same tokens must always get the same
answer. It is called in eval mode, without gradients, on burst.device, with batches of 1 to 16 rows.
It runs confined: one thread or one GPU, no network, no files but Python's own and an empty working directory.

`burst` gives
- burst.batch(rows) -> (inputs, targets), int64 (rows, {context}) on burst.device: random windows of the train
  split, counted as trained on;
- burst.data, torch.uint8 (N,) in CPU memory: the train split, for other ways to sample; say how many tokens
  were trained on with burst.count(tokens) then;
- burst.vocab_size ({vocab_size}), burst.context ({context}), burst.device ("cpu" or "cuda"), burst.seconds,
  burst.seed (torch is seeded with it already);
- burst.progress(): the part of the budget used, 0 to 1; return soon after it reaches 1. Schedules follow it;
- burst.report(loss): a point of the learning curve.

A number worth tuning stands on a line of its own: `NAME = value  # tune: log 1e-4..1e-1` (or `0..1`,
`int 2..12`, `int 64..512 step 64`, `choice a b c`)."""


@dataclass(frozen=True, slots=True)
class LanguageSettings:
    """What a language task is made from; plain values, so that it travels as JSON.

    Args:
        data: a text file or a folder of them; None for the running Python's own standard library.
        context: longest sequence that a model is trained on and asked about, bytes.
        windows: how many windows of the held-out split are scored.
    """

    data: str | None = None
    context: int = 256
    windows: int = 128

    def __post_init__(self) -> None:
        if self.context < 8:
            raise DataError(f"context must be at least 8 bytes, got {self.context}")
        if self.windows < 1:
            raise DataError(f"windows must be at least 1, got {self.windows}")


def usual(device: str, data: Path | None = None) -> LanguageSettings:
    """Return the settings that suit a device: on a GPU longer windows, and more of them."""
    path = None if data is None else str(data.resolve())
    if device.startswith("cuda"):
        return LanguageSettings(path, context=1024, windows=512)
    return LanguageSettings(path)


@dataclass(frozen=True, slots=True)
class LanguageTask:
    """Byte-level language modelling. A process holds one split of the text: it trains, or it scores.

    Args:
        settings: what it was made from.
        split: the split held.
        digest: content hash of the whole text.
        text: the split, uint8 (N,).
        sizes: bytes in each split, separators included.
    """

    name: ClassVar[str] = "language"
    metric: ClassVar[str] = "val_bpb"
    direction: ClassVar[Direction] = Direction.MINIMIZE
    entry: ClassVar[str] = "train"
    trust: ClassVar[str] = ""
    vocab_size: ClassVar[int] = VOCAB_SIZE

    settings: LanguageSettings
    split: Split
    digest: str
    text: Bytes = field(repr=False, compare=False)
    sizes: Mapping[Split, int]

    @classmethod
    def load(cls, settings: LanguageSettings, split: Split = "train") -> LanguageTask:
        """Read the text and keep one split of it.

        Args:
            settings: what to make it from.
            split: ``train`` for the engine, ``validation`` for a scorer, ``test`` for a last verification.

        Raises:
            DataError: the text is missing or too short.
        """
        where = "the Python standard library" if settings.data is None else settings.data
        documents = corpus.read(None if settings.data is None else Path(settings.data))
        parts = corpus.split(documents, least=settings.context + 1, where=where)
        sizes = {name: sum(len(document) + 1 for document in part) for name, part in parts.documents.items()}
        return cls(settings, split, parts.fingerprint, parts.text(split), sizes)

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any]) -> LanguageTask:
        """Rebuild from ``to_spec()``, holding the split to score.

        Raises:
            DataError: the text is no longer the one that the spec was made with.
        """
        task = cls.load(LanguageSettings(**spec["settings"]), spec["split"])
        if task.digest != spec["fingerprint"]:
            raise DataError(
                f"the text in {task.settings.data or 'the Python standard library'} has changed: its content "
                f"hash is {task.digest[:12]}, the run was started with {spec['fingerprint'][:12]}"
            )
        return task

    def to_spec(self, split: Unseen = "validation") -> dict[str, Any]:
        """Return plain JSON for ``from_spec``."""
        return {
            "task": self.name,
            "settings": asdict(self.settings),
            "fingerprint": self.digest,
            "split": split,
        }

    def describe(self) -> str:
        """Return the data, the metric and the contract of train.py."""
        source = (
            "the Python standard library's source files"
            if self.settings.data is None
            else f"the user's text ({Path(self.settings.data).name})"
        )
        return (
            f"Byte-level language modelling of {source}: {self.sizes['train'] / 1e6:.2f} MB to train on; "
            "documents end with a zero byte.\n"
            f"Metric: {self.metric}, bits per byte on {self.settings.windows} fixed windows of "
            f"{self.settings.context} bytes from documents that train.py never sees. Lower is better.\n\n"
            + _CONTRACT.format(vocab_size=self.vocab_size, context=self.settings.context)
        )

    def fingerprint(self) -> str:
        """Return the content hash of the whole text, in hex."""
        return self.digest

    def origin(self) -> str:
        """Name the text."""
        return self.settings.data or "Python's own library sources"

    def train_bytes(self) -> Bytes:
        """Return the train split, uint8 (N,)."""
        if self.split != "train":
            raise ValueError(f"this task holds the {self.split} split, not train")
        return self.text

    def held_out(self) -> tuple[Path, ...]:
        """Return the user's text, or those files of Python's library that are not in the train split."""
        if self.settings.data is not None:
            return (Path(self.settings.data),)
        parts = corpus.split(corpus.read(None), least=self.settings.context + 1)
        return tuple(corpus.library_files(parts.documents["validation"] + parts.documents["test"]))

    def windows(self) -> Tokens:
        """Return the windows that are scored, int64 (windows, context + 1): the same for every variant.

        Their places are drawn from the content hash; they overlap only where the text is too short.
        """
        return self._at(self._starts()[0])

    def held(self) -> Held:
        """Return all that scores are read from, the same for every variant."""
        starts, spare = self._starts()
        rng = default_rng([int(self.digest, 16), 1])
        drawn = cuts(len(starts), self.settings.context, rng)
        return Held(self._at(starts), self._at(spare), self.text, drawn)

    def _starts(self) -> tuple[Tokens, Tokens]:
        """Return where the scored windows begin, and where others do that share no byte with them."""
        length, count = self.settings.context + 1, self.settings.windows
        rng = default_rng(int(self.digest, 16))
        if (slots := len(self.text) // length) >= count:
            chosen = rng.choice(slots, size=count, replace=False)
            spare = np.setdiff1d(np.arange(slots), chosen)
            return np.sort(chosen) * length, spare * length
        return np.sort(rng.integers(len(self.text) - length + 1, size=count)), np.empty(0, dtype=np.int64)

    def _at(self, starts: Tokens) -> Tokens:
        """Return the windows that begin there."""
        chosen: Bytes = self.text[starts[:, None] + np.arange(self.settings.context + 1)]
        return chosen.astype(np.int64)

    def smaller(self) -> LanguageTask:
        """Return the same task with a few windows only."""
        return replace(self, settings=replace(self.settings, windows=min(8, self.settings.windows)))

    def score(self, ask: Ask, rng: Generator) -> float:
        """Return bits per byte of the model behind ``ask`` on the held-out split (see ``scoring``).

        Raises:
            Unfit: the answers break a rule.
        """
        if self.split == "train":
            raise ValueError("this task holds the train split, which no variant is scored on")
        return bits_per_byte(ask, self.held(), self.vocab_size, rng)
