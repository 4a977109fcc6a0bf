"""A power cut: what a store has written, cut at every byte, still opens and holds every whole commit."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from population import disk, journal
from population.errors import StoreFailed
from population.journal import Journal
from population.layout import Change

pytestmark = pytest.mark.system

LAST = 64 << 10  # bytes


@dataclass
class Recorder:
    """Notes every change that is made to files of a folder, in order, while it is really made.

    Each operation is ``(name of the file, what happens to it, argument, offset)``.
    """

    operations: list[tuple[str, str, Any, int]] = field(default_factory=list)

    def patched(self, patch: pytest.MonkeyPatch) -> None:
        """Listen to the calls to the system by which the journal writes."""
        names: dict[int, str] = {}
        do_open, do_write, do_cut = os.open, os.pwrite, os.ftruncate
        do_rename, do_unlink = Path.replace, Path.unlink

        def opened(path: Any, flags: int, *rest: Any, **more: Any) -> int:
            file = do_open(path, flags, *rest, **more)
            names[file] = Path(path).name
            if flags & os.O_TRUNC:
                self.operations.append((names[file], "cut", 0, 0))
            return file

        def written(file: int, data: Any, offset: int) -> int:
            count = do_write(file, data, offset)
            self.operations.append((names[file], "write", bytes(data[:count]), offset))
            return count

        def cut(file: int, length: int) -> None:
            do_cut(file, length)
            self.operations.append((names[file], "cut", length, 0))

        def renamed(path: Path, target: Path) -> Path:
            self.operations.append((path.name, "rename", target.name, 0))
            names.update({file: target.name for file, name in names.items() if name == path.name})
            return do_rename(path, target)

        def unlinked(path: Path, missing_ok: bool = False) -> None:
            if path.exists():
                self.operations.append((path.name, "unlink", None, 0))
            do_unlink(path, missing_ok=missing_ok)

        patch.setattr(os, "open", opened)
        patch.setattr(os, "pwrite", written)
        patch.setattr(os, "ftruncate", cut)
        patch.setattr(Path, "replace", renamed)
        patch.setattr(Path, "unlink", unlinked)


def replayed(folder: Path, operations: list[tuple[str, str, Any, int]], last: int) -> Iterator[bool]:
    """Make the changes again in another folder, the last bytes one by one; yield after each.

    What is yielded says whether an operation has just ended.
    """
    left = sum(len(argument) for _, what, argument, _ in operations if what == "write")
    for name, what, argument, offset in operations:
        path = folder / name
        if what == "write":
            with path.open("r+b" if path.exists() else "w+b", buffering=0) as file:
                at = max(0, len(argument) - max(0, last - (left - len(argument)))) if left > last else 0
                os.pwrite(file.fileno(), argument[:at], offset)
                for byte in range(at, len(argument)):
                    os.pwrite(file.fileno(), argument[byte : byte + 1], offset + byte)
                    yield False
            left -= len(argument)
        elif what == "cut":
            path.touch()
            os.truncate(path, argument)
        elif what == "rename":
            path.replace(folder / argument)
        else:
            path.unlink()
        if left < last:
            yield True


def goes_on(folder: Path, copy: Path, last: int) -> None:
    """Check that a writer takes over what is left, and that what it adds is there."""
    shutil.copytree(folder, copy)
    with Journal(copy / "j", write=True) as writer:
        writer.append([("t", 1000, b"{}")])
    assert [path.name for path in copy.iterdir()] == ["j"]
    found = Journal(copy / "j")
    assert (sorted(found.tables["t"])[-2:], found.torn) == ([last, 1000], "")
    shutil.rmtree(copy)


def test_what_was_written_cut_at_every_byte_of_the_last_64_kilobytes_still_opens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    path, commits, recorder = tmp_path / "here" / "j", 40, Recorder()
    with monkeypatch.context() as patch:
        recorder.patched(patch)
        journal.create(path)
        with Journal(path, write=True) as writer:
            for number in range(commits):
                if number == commits - 6:
                    writer.snapshot()
                text = json.dumps({"n": number, "text": "x" * 3000}).encode()
                changes: list[Change] = [("t", number + 1, text), ("last", 1, text), ("t", number - 8, None)]
                writer.append(changes)
    assert sum(len(op[2]) for op in recorder.operations if op[1] == "write") > LAST
    assert any(op[1] == "rename" and op[0] == "j.tmp" for op in recorder.operations[2:])

    there = tmp_path / "there"
    there.mkdir()
    seen: list[int] = []
    count = 0
    for whole in replayed(there, recorder.operations, LAST):
        count += not whole
        opened = Journal(there / "j")
        rows = opened.tables["t"]
        assert list(rows) == list(range(max(rows) - 8, max(rows) + 1))
        assert json.loads(opened.text(rows[max(rows)]))["n"] == max(rows) - 1
        assert list(opened.tables["last"]) == [1]
        seen.append(max(rows))
        if whole or count % 5000 == 0:
            goes_on(there, tmp_path / "copy", max(rows))
    assert count == LAST
    assert seen == sorted(seen)
    assert seen[-1] == commits
    assert set(seen) == set(range(seen[0], commits + 1))


def test_a_power_cut_before_a_folder_is_on_the_disk_brings_back_no_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.create(tmp_path / "j")

    def failing(folder: Path) -> None:
        raise OSError(5, "no")

    with Journal(tmp_path / "j", write=True) as writer:
        with monkeypatch.context() as patch:
            patch.setattr(disk, "sync_folder", failing)
            for write in (writer.snapshot, lambda: writer.append([("t", 1, b"{}")])):
                with pytest.raises(StoreFailed, match="folder"):
                    write()
        writer.append([("t", 1, b"{}")])
    assert list(Journal(tmp_path / "j").tables["t"]) == [1]
