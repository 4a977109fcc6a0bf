"""What stays readable is spelled out, and the kernel keeps a process to it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from evolve.bursts import landlock, process
from evolve.bursts.landlock import LIST, OWN, READ, Rule, reading

needs_landlock = pytest.mark.skipif(landlock.abi() < 1, reason="this kernel has no Landlock")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("a/one", "a/two", "b/c/three", "b/c/four", "b/five"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path


def in_a_child(work: Callable[[], bool]) -> bool:
    """Run something in a process of its own, which may confine itself; say whether it was true."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            code = 0 if work() else 1
        finally:
            os._exit(code)
    return os.waitpid(pid, 0)[1] == 0


def allowed(rules: list[Rule], action: Callable[[], object]) -> bool:
    """Say whether an action comes off in a process that is kept to the rules."""

    def confined() -> bool:
        process.drop_privileges()
        landlock.restrict(rules, landlock.abi())
        try:
            action()
        except PermissionError:
            return False
        return True

    return in_a_child(confined)


def test_a_folder_without_anything_hidden_is_one_rule(tree: Path) -> None:
    assert reading([str(tree)], []) == [Rule(str(tree), READ)]


def test_a_folder_that_holds_something_hidden_is_spelled_out(tree: Path) -> None:
    rules = {rule.path: rule.access for rule in reading([str(tree)], [str(tree / "b/c/three")])}
    assert rules == {
        str(tree): LIST,
        str(tree / "a"): READ,
        str(tree / "b"): LIST,
        str(tree / "b/c"): LIST,
        str(tree / "b/c/four"): READ,
        str(tree / "b/five"): READ,
    }


def test_what_is_hidden_is_not_shown_by_a_link_to_it(tree: Path) -> None:
    (tree / "a/link").symlink_to(tree / "b/five")
    (tree / "way").symlink_to(tree / "b")
    rules = reading([str(tree), str(tree / "a/link"), str(tree / "way")], [str(tree / "b/five")])
    assert {Path(rule.path).name for rule in rules} == {tree.name, "a", "b", "c"}


def test_what_is_not_there_is_left_out(tree: Path) -> None:
    assert reading([str(tree / "nothing")], [str(tree / "nor this")]) == []


@needs_landlock
def test_only_what_the_rules_allow_is_read(tree: Path) -> None:
    rules = reading([str(tree)], [str(tree / "b/five")])
    assert allowed(rules, (tree / "a/one").read_bytes)
    assert allowed(rules, lambda: list((tree / "b").iterdir()))
    assert not allowed(rules, (tree / "b/five").read_bytes)
    assert not allowed(rules, Path("/etc/passwd").read_bytes)


@needs_landlock
def test_only_what_is_its_own_is_written(tree: Path) -> None:
    rules = [Rule(str(tree / "a"), OWN), Rule(str(tree / "b"), READ)]
    assert allowed(rules, lambda: (tree / "a/new").write_text("x"))
    assert not allowed(rules, lambda: (tree / "b/new").write_text("x"))
    assert not allowed(rules, lambda: (tree / "b/five").write_text("x"))
    assert not allowed(rules, (tree / "b/five").unlink)
    assert (tree / "b/five").read_text() == "b/five"


@pytest.mark.skipif(landlock.abi() < landlock.SCOPE_ABI, reason="this kernel's Landlock scopes no signals")
def test_signals_reach_nobody_above_but_those_below() -> None:
    me = os.getpid()

    def signals_below() -> None:
        pid = os.fork()
        if pid == 0:
            os.read(os.pipe()[0], 1)
        os.kill(pid, 9)
        os.waitpid(pid, 0)

    assert not allowed([], lambda: os.kill(me, 0))
    assert allowed([], signals_below)
