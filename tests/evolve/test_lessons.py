from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from evolve.lessons import FILE, LEARNED, Lessons, is_own, lines_of, written
from population.ledger import Event


def learnt(lessons: Lessons, *lines: str, base: str = "") -> None:
    lessons.heed(Event(LEARNED, "", 0.0, {"lines": list(lines), "base": base}))


@pytest.fixture
def lessons(tmp_path: Path) -> Lessons:
    return Lessons(tmp_path)


def edit(folder: Path, text: str) -> None:
    (folder / FILE).write_text(text)


def test_new_lessons_hold_at_once_and_are_written_to_a_file(tmp_path: Path, lessons: Lessons) -> None:
    assert lessons.lines() == ()
    lessons.publish()
    assert not (tmp_path / FILE).exists()
    learnt(lessons, "! mine", "wider is better")
    assert lessons.lines() == ("! mine", "wider is better")
    lessons.publish()
    text = (tmp_path / FILE).read_text()
    assert text.splitlines()[-2:] == ["! mine", "- wider is better"]
    assert text.startswith("<!-- Lessons of this search")
    assert is_own(text)


def test_a_look_back_without_lessons_leaves_those_that_hold(lessons: Lessons) -> None:
    learnt(lessons, "wider is better")
    lessons.heed(Event(LEARNED, "the lessons stay as they are", 0.0, {"ticket": 3}))
    assert lessons.lines() == ("wider is better",)


def test_what_a_person_edits_holds_from_then_on(tmp_path: Path, lessons: Lessons) -> None:
    learnt(lessons, "wider is better")
    lessons.publish()
    edit(
        tmp_path,
        (tmp_path / FILE).read_text().replace("wider", "narrower") + "! no dropout\n\n# a title\n* deeper\n",
    )
    assert lessons.lines() == ("narrower is better", "! no dropout", "deeper")
    assert lessons.kept() == ("! no dropout",)
    assert lessons.base() != ""
    edit(tmp_path, "")
    assert lessons.lines() == ()


def test_a_person_may_write_the_first_lessons(tmp_path: Path, lessons: Lessons) -> None:
    edit(tmp_path, "! try a convolution\n")
    assert lessons.lines() == lessons.kept() == ("! try a convolution",)


def test_new_lessons_take_the_place_of_the_edited_ones_that_they_began_with(
    tmp_path: Path, lessons: Lessons
) -> None:
    edit(tmp_path, "! mine\n- an old one\n")
    learnt(lessons, *lessons.kept(), "a new one", base=lessons.base())
    lessons.publish()
    assert lessons.lines() == ("! mine", "a new one")
    assert is_own((tmp_path / FILE).read_text())


def test_what_was_edited_while_a_model_looked_back_is_not_written_over(
    tmp_path: Path, lessons: Lessons
) -> None:
    learnt(lessons, "one")
    lessons.publish()
    base = lessons.base()
    edit(tmp_path, "- two\n")
    learnt(lessons, "three", base=base)
    lessons.publish()
    assert lessons.lines() == ("two",)
    again = Lessons(tmp_path)  # nor by the next session
    learnt(again, "three", base=base)
    again.publish()
    assert again.lines() == ("two",)


@pytest.mark.parametrize("lines", [("from the past",), ("from the future",), ()])
def test_a_file_that_a_kill_left_behind_is_nobodys_edit(tmp_path: Path, lines: Sequence[str]) -> None:
    edit(tmp_path, written(lines))
    lessons = Lessons(tmp_path)
    learnt(lessons, "now")
    assert lessons.lines() == ("now",)
    assert lessons.base() == ""


def test_a_file_that_cannot_be_read_is_as_good_as_none(tmp_path: Path, lessons: Lessons) -> None:
    learnt(lessons, "now")
    (tmp_path / FILE).mkdir()
    lessons.publish()
    assert lessons.lines() == ("now",)
    (tmp_path / FILE).rmdir()
    os.mkfifo(tmp_path / FILE)
    assert lessons.lines() == ("now",)


def test_what_a_person_writes_is_cut_in_number_and_length() -> None:
    lines = lines_of("\n".join(["x" * 1000, "a\x1b[2Jb", *(f"- line {n}" for n in range(1000))]))
    assert len(lines) == 30
    assert max(map(len, lines)) <= 160
    assert "\x1b" not in "".join(lines)


def test_the_file_is_read_again_only_when_it_has_changed(tmp_path: Path, lessons: Lessons) -> None:
    edit(tmp_path, "- one\n")
    assert lessons.lines() == ("one",)
    before = (tmp_path / FILE).stat()
    with (tmp_path / FILE).open("r+") as file:
        file.write("- two\n")
    os.utime(tmp_path / FILE, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert lessons.lines() == ("one",)
    os.utime(tmp_path / FILE, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert lessons.lines() == ("two",)
