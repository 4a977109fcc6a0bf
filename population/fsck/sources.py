"""The sources of a run as they lie on the disk: which are whole, and where else one may be had."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from population.genome import digest, with_values
from population.variant import Value

FOLDER = "variants"
SEED_FILE = "seed.py"
_NAME = re.compile(r"[0-9a-f]{32}")


@dataclass(slots=True)
class Sources:
    """The sources of a run.

    Args:
        folder: the run folder.
        whole: content hashes of those that are what was kept.
        changed: content hashes of those that are not, or cannot be read.
        spares: texts that lie elsewhere, by content hash.
    """

    folder: Path
    whole: set[str] = field(default_factory=set)
    changed: set[str] = field(default_factory=set)
    spares: dict[str, bytes] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> Sources:
        """Look at every file under ``variants``, and at the seed."""
        known = cls(folder)
        for path in sorted((folder / FOLDER).rglob("*")):
            if path.is_file():
                known._look_at(path)
        known.spare(_bytes(folder / SEED_FILE))
        return known

    def _look_at(self, path: Path) -> None:
        """Take in one file; what does not lie in its place may be a spare."""
        data = _bytes(path)
        found = None if data is None else digest_of(data)
        if path != self.path(path.stem) or not _NAME.fullmatch(path.stem):
            self.spare(data)
        elif found == path.stem:
            self.whole.add(found)
        else:
            self.changed.add(path.stem)
            self.spare(data)

    def path(self, name: str) -> Path:
        """Return where the source with this content hash lies."""
        return self.folder / self.where(name)

    def where(self, name: str) -> str:
        """Return where the source with this content hash lies, below the run folder."""
        return f"{FOLDER}/{name[:2]}/{name}.py"

    def state(self, name: str) -> str:
        """Say what is wrong with a source that is not whole."""
        return "has been changed" if name in self.changed else "is missing"

    def spare(self, data: bytes | None) -> None:
        """Remember a text that lies elsewhere."""
        if data is not None and (name := digest_of(data)):
            self.spares.setdefault(name, data)

    def text(self, name: str) -> str | None:
        """Return a source, or its spare; None if there is neither."""
        data = _bytes(self.path(name)) if name in self.whole else self.spares.get(name)
        return None if data is None else data.decode("utf-8", "surrogatepass")

    def bring_back(
        self, name: str, relatives: Iterable[str], numbers: Iterable[Mapping[str, Value]]
    ) -> bytes | None:
        """Return a source that is not whole, from a spare or from a relative with other numbers.

        Args:
            name: its content hash.
            relatives: content hashes of sources that may differ from it in their numbers only.
            numbers: what they may have been.
        """
        found = self.spares.get(name)
        if found is None and _NAME.fullmatch(name):
            texts = [text for one in relatives if (text := self.text(one)) is not None]
            made = _made(texts, list(numbers))
            found = next((data for data in made if digest_of(data) == name), None)
            self.spare(found)
        return found


def digest_of(data: bytes) -> str:
    """Return the content hash of a source's bytes; empty if they are no text."""
    try:
        return digest(data.decode("utf-8", "surrogatepass"))
    except UnicodeDecodeError:
        return ""


def _made(texts: Iterable[str], numbers: Sequence[Mapping[str, Value]]) -> Iterator[bytes]:
    """Yield each text with each set of numbers, where that can be."""
    for text in texts:
        for values in numbers:
            try:
                yield with_values(text, values).encode("utf-8", "surrogatepass")
            except (KeyError, ValueError, SyntaxError):  # numbers of another text
                continue


def _bytes(path: Path) -> bytes | None:
    """Return what a file holds, None if it cannot be read."""
    try:
        return path.read_bytes() if path.is_file() else None
    except OSError:
        return None
