"""Text as documents: read, freed of duplicates, split by content."""

from __future__ import annotations

import hashlib
import os
import sysconfig
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from evolve.errors import InputError
from evolve.tasks.task import Bytes

Split = Literal["train", "validation", "test"]

SEPARATOR = b"\0"  # no text document holds it, so that the ends of documents can be learned
SHARE = 0.05  # of all bytes, for validation and for test each
CHUNK = 16_384  # bytes of a document cut from a file that is one long text
CHUNKS = 40  # a short file is cut finer, into at least about this many
NOT_LIBRARY = frozenset({"test", "tests", "idle_test", "site-packages", "dist-packages", "__pycache__"})


class DataError(InputError, ValueError):
    """The text asked for is missing or cannot be split; one sentence for the user."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """A text, split by document.

    Args:
        fingerprint: SHA-256 over the sorted hashes of its documents, hex: the same for the same
            documents, whatever their order and file names.
        documents: the documents of each split, ordered by their hash; no document is in two splits.
    """

    fingerprint: str
    documents: Mapping[Split, tuple[bytes, ...]]

    def text(self, split: Split) -> Bytes:
        """Return a split as one text, uint8 (N,), each document followed by ``SEPARATOR``."""
        return np.frombuffer(b"".join(d + SEPARATOR for d in self.documents[split]), dtype=np.uint8)


def read(data: Path | None) -> list[bytes]:
    """Return the documents of a file, a folder, or the running Python's standard library (None).

    A folder gives one document a file; one or two long texts are cut into documents at blank lines.

    Raises:
        DataError: the path is missing, unreadable, or holds no text.
    """
    root = Path(sysconfig.get_path("stdlib")) if data is None else data
    try:
        if not root.exists():
            raise DataError(f"no such file or folder: {root}")
        if root.is_file():
            texts = [root.read_bytes()]
        else:
            texts = [path.read_bytes() for path in (_sources(root) if data is None else _files(root))]
    except OSError as error:
        raise DataError(f"{error.filename} cannot be read: {error.strerror}") from error
    documents = [text for text in texts if text.strip() and SEPARATOR not in text]
    if not documents:
        raise DataError(f"{root} holds no text (hidden and binary files do not count)")
    return documents if len(documents) > 2 else [chunk for text in documents for chunk in chunks(text)]


def split(documents: Iterable[bytes], least: int, where: str = "the text") -> Corpus:
    """Return the documents without exact duplicates, split about 90/5/5 by content hash.

    Args:
        documents: the documents, in any order.
        least: bytes that each split must have.
        where: how to name the text in an error.

    Raises:
        DataError: there is too little text for three splits.
    """
    unique = {hashlib.sha256(document).hexdigest(): document for document in documents}
    ordered = [unique[key] for key in sorted(unique)]
    total = sum(map(len, ordered))
    needed = round(2 * least / SHARE)
    if total < needed or len(ordered) < 3:
        raise DataError(
            f"too little text in {where}: at least {needed:,} bytes in 3 different documents are needed, "
            f"there are {total:,} in {len(ordered)}"
        )
    validation, rest = _take(ordered, SHARE * total)
    test, train = _take(rest, SHARE * total)
    parts: dict[Split, tuple[bytes, ...]] = {
        "train": tuple(train),
        "validation": tuple(validation),
        "test": tuple(test),
    }
    for name, part in parts.items():
        if sum(map(len, part)) < least:
            raise DataError(
                f"too little text in {where}: its documents leave {sum(map(len, part)):,} bytes for {name}, "
                f"at least {least:,} are needed; documents of more even length would do"
            )
    return Corpus(hashlib.sha256("\n".join(sorted(unique)).encode()).hexdigest(), parts)


def chunks(text: bytes) -> Iterator[bytes]:
    """Cut a long text into documents, at blank lines or else at line ends where there are any near."""
    size = max(1, min(CHUNK, len(text) // CHUNKS))
    start = 0
    while start < len(text):
        end = _cut(text, start + size, reach=size // 2)
        yield text[start:end]
        start = end


def _cut(text: bytes, at: int, reach: int) -> int:
    """Return where to cut at or after ``at``: behind a blank line, a line, or right there."""
    for mark in (b"\n\n", b"\n"):
        found = text.find(mark, at, at + reach)
        if found >= 0:
            return found + len(mark)
    return min(at, len(text))


def _take(ordered: Sequence[bytes], share: float) -> tuple[list[bytes], list[bytes]]:
    """Return documents of about ``share`` bytes in all, and the others, both in order.

    A document longer than the share stays behind; if all are, the shortest is taken.
    """
    taken: list[bytes] = []
    left: list[bytes] = []
    held = 0
    for document in ordered:
        if held < share and len(document) <= share:
            taken.append(document)
            held += len(document)
        else:
            left.append(document)
    if not taken:
        left.remove(shortest := min(ordered, key=len))
        taken = [shortest]
    return taken, left


def _files(root: Path) -> list[Path]:
    """Return the regular files under a folder, sorted, hidden ones and links left out."""
    found: list[Path] = []
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".")]
        paths = (Path(folder, name) for name in names if not name.startswith("."))
        found.extend(path for path in paths if path.is_file() and not path.is_symlink())
    return sorted(found)


def library_files(documents: Iterable[bytes]) -> list[Path]:
    """Return the files of the running Python's standard library that hold one of these documents."""
    wanted = set(documents)
    return [path for path in _sources(Path(sysconfig.get_path("stdlib"))) if path.read_bytes() in wanted]


def _sources(root: Path) -> list[Path]:
    """Return the standard library's own modules: no tests, nothing installed beside it."""
    paths = (path for path in _files(root) if path.suffix == ".py")
    return [path for path in paths if NOT_LIBRARY.isdisjoint(path.relative_to(root).parts)]
