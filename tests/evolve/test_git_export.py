from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.branching import SUBJECT, prepared, publish, quiet
from evolve.errors import InputError
from evolve.settings import Settings, dump
from population.store import Population
from population.variant import Measurement, Purpose, Variant

SEED = "LR = 1\nWIDTH = 2\n"
BETTER = "LR = 3\nWIDTH = 2\n"
BEST = "LR = 3\nWIDTH = 4\n"
HOSTILE = (
    "doubles the width\x1b[31m\nSigned-off-by: Nobody <n@b.c>\r\n\r\nfixes #12, closes GH-3 and "
    "https://github.com/o/r/issues/4 \u202e cc @everybody " + "and so on " * 20
)


def git(folder: Path, *words: str) -> str:
    return subprocess.run(
        ["git", "-C", str(folder), *words], check=True, capture_output=True, text=True
    ).stdout.rstrip("\n")


@pytest.fixture(autouse=True)
def _own_git(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let no settings of whoever runs the tests count."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL", "EMAIL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """A repository with the seed in it, something staged and something changed."""
    folder = tmp_path / "repo"
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "train.py").write_text(SEED)
    (folder / "other.txt").write_text("one\n")
    git(folder, "init", "-q", "-b", "main")
    git(folder, "config", "user.name", "A Person")
    git(folder, "config", "user.email", "a@b.c")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "first")
    (folder / "other.txt").write_text("two\n")
    git(folder, "add", "other.txt")
    (folder / "src" / "train.py").write_text(SEED + "# under work\n")
    (folder / "new.txt").write_text("new\n")
    return folder


def variant(name: str, digest: str, parent: str = "", **more: str) -> Variant:
    parents, operator = ((parent,), "mutate") if parent else ((), "seed")
    usual = {"hypothesis": f"idea of {name}", "proposed": digest, "model": "openai/x" if parent else ""}
    return Variant(
        id=name,
        digest=digest,
        fingerprint=f"f{name}",
        parents=parents,
        operator=operator,
        island=0,
        generation=len(parents),
        **{**usual, **more},  # type: ignore[arg-type]
    )


@pytest.fixture
def run(tmp_path: Path, repo: Path) -> Iterator[Population]:
    """A seed, its child, and the champion, whose idea is hostile; each measured twice."""
    with Population.create(tmp_path / "run-1") as population:
        names = {text: population.keep_source(text) for text in (SEED, BETTER, BEST)}
        population.commit(
            variant("v0", names[SEED], hypothesis="the seed"),
            variant("v1", names[BETTER], "v0"),
            variant("v2", names[BEST], "v1", hypothesis=HOSTILE),
            *(
                Measurement(name, names[text], number, Purpose.REPLICATE, score + number / 100, None, 1.0)
                for name, text, score in (("v0", SEED, 3.0), ("v1", BETTER, 2.5), ("v2", BEST, 2.0))
                for number in (1, 2)
            ),
            meta={"champion": "v2", "metric": "val_bpb", "direction": "minimize"},
        )
        settings = Settings(seed_file=repo / "src" / "train.py")
        (tmp_path / "run-1" / "evolve.toml").write_text(dump(settings))
        yield population


def made(
    run: Population, repo: Path, name: str = "evolved", path: str | None = None, force: bool = False
) -> str:
    publish(prepared(run.folder, run, name, repo, path, force))
    return git(repo, "rev-parse", name)


def standing(repo: Path) -> list[str]:
    return [git(repo, *words) for words in (("status", "--porcelain"), ("symbolic-ref", "HEAD"), ("diff",))]


def test_the_branch_holds_one_commit_a_step_and_nothing_else_is_touched(run: Population, repo: Path) -> None:
    before, head = standing(repo), git(repo, "rev-parse", "HEAD")
    made(run, repo)
    assert standing(repo) == before
    assert git(repo, "rev-parse", "HEAD") == git(repo, "rev-parse", "evolved~2") == head
    assert git(repo, "show", "evolved:src/train.py") + "\n" == BEST
    assert git(repo, "show", "evolved~1:src/train.py") + "\n" == BETTER
    assert git(repo, "diff", "--name-only", "HEAD", "evolved") == "src/train.py"
    assert git(repo, "log", "-1", "--format=%an <%ae>", "evolved") == "A Person <a@b.c>"


def test_a_commit_says_the_idea_its_measured_gain_and_who_had_it(run: Population, repo: Path) -> None:
    made(run, repo)
    subject, body = git(repo, "log", "-1", "--format=%s%n%b", "evolved~1").split("\n", 1)
    assert subject == "idea of v1"
    # two bursts of each of three programs, each pair 0.01 apart: 0.0071 is the noise of one
    assert "val_bpb 2.5150 ± 0.0050 (n=2), a gain of +0.5000 ± 0.0071 over v0." in body
    assert git(repo, "log", "-1", "--format=%(trailers:only)", "evolved~1").splitlines() == [
        "Evolve-Run: run-1",
        "Evolve-Variant: v1",
        "Evolve-Operator: mutate",
        "Evolve-Model: openai/x",
    ]


def test_an_idea_signs_nothing_calls_nobody_and_fills_one_short_line(run: Population, repo: Path) -> None:
    made(run, repo)
    subject, body = git(repo, "log", "-1", "--format=%s%n%b", "evolved").split("\n", 1)
    assert len(subject) <= SUBJECT
    assert subject.startswith("doubles the width Signed-off-by: Nobody <n@ b.c> fixes # 12")
    assert "and so on and so on" in body
    assert not any(word in body for word in ("#12", "@everybody", "GH-3", "://", "\x1b", "\u202e"))
    trailers = git(repo, "log", "-1", "--format=%(trailers:key=Signed-off-by)", "evolved")
    assert trailers == ""


def test_the_seed_is_committed_first_where_the_file_is_another(run: Population, repo: Path) -> None:
    made(run, repo, path="new/place.py")
    assert git(repo, "log", "--format=%s", "evolved~3..evolved").splitlines()[2] == "The seed of the search"
    assert git(repo, "show", "evolved~2:new/place.py") + "\n" == SEED


def test_the_patch_applies_to_the_seed(run: Population, repo: Path) -> None:
    made(run, repo)
    git(repo, "checkout", "-q", "HEAD", "--", "src/train.py")
    git(repo, "apply", str(run.folder / "champion.patch"))
    assert (repo / "src" / "train.py").read_text() == BEST


def test_a_file_keeps_its_mode(run: Population, repo: Path) -> None:
    git(repo, "update-index", "--chmod=+x", "src/train.py")
    git(repo, "commit", "-q", "-m", "can be run")
    made(run, repo)
    assert git(repo, "ls-tree", "evolved", "src/train.py").startswith("100755")


def test_a_branch_that_is_there_is_replaced_only_by_force(run: Population, repo: Path) -> None:
    git(repo, "branch", "evolved")
    was = git(repo, "rev-parse", "evolved")
    with pytest.raises(InputError, match="there is a branch evolved already; replace it by --force"):
        made(run, repo)
    assert git(repo, "rev-parse", "evolved") == was
    assert not (run.folder / "champion.patch").exists()
    assert made(run, repo, force=True) != was


@pytest.mark.parametrize(
    ("name", "path", "said"),
    [
        ("main", None, "the branch main is checked out"),
        ("a..b", None, "no branch can be called so"),
        ("-x", None, "no branch can be called so"),
        ("x", "../train.py", "by its path from the top of the repository"),
        ("x", "/train.py", "by its path from the top of the repository"),
        ("x", "src", "src is no file in the repository"),
        ("x", ".git/hooks/post-commit", r"cannot be put on a branch"),
        ("x", "other.txt/train.py", r"cannot be put on a branch"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(
    run: Population, repo: Path, name: str, path: str | None, said: str
) -> None:
    before = git(repo, "for-each-ref")
    with pytest.raises(InputError, match=said) as told:
        made(run, repo, name, path, force=True)
    assert "\n" not in str(told.value)
    assert git(repo, "for-each-ref") == before
    assert not (run.folder / "champion.patch").exists()


def test_a_repository_that_cannot_take_a_branch_is_said(run: Population, repo: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is in no git repository"):
        made(run, tmp_path)
    with pytest.raises(InputError, match="there is no such folder"):
        made(run, tmp_path / "nowhere")
    (tmp_path / "bare").mkdir()
    git(tmp_path / "bare", "init", "-q")
    with pytest.raises(InputError, match="has no commit yet"):
        made(run, tmp_path / "bare")
    git(repo, "checkout", "-q", "--detach")
    with pytest.raises(InputError, match="HEAD is detached"):
        made(run, repo)
    git(repo, "checkout", "-q", "main")
    git(repo, "config", "user.useConfigOnly", "true")
    git(repo, "config", "--unset", "user.email")
    with pytest.raises(InputError, match="git does not know who you are"):
        made(run, repo)


def test_a_machine_without_git_is_told_so(
    run: Population, repo: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="git is not installed"):
        prepared(run.folder, run, "evolved", repo, None, False)


def test_a_run_whose_champion_is_its_seed_has_nothing_to_put_on_a_branch(run: Population, repo: Path) -> None:
    run.set_meta(champion="v0")
    with pytest.raises(InputError, match="has no champion but its seed"):
        made(run, repo)


def test_variables_of_a_hook_do_not_send_it_elsewhere(
    run: Population, repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    shutil.copytree(repo, other)
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    publish(prepared(run.folder, run, "evolved", repo, None, False))
    monkeypatch.delenv("GIT_DIR")
    assert git(repo, "branch", "--list", "evolved")
    assert not git(other, "branch", "--list", "evolved")


@given(st.text())
def test_a_quiet_text_is_one_visible_line_that_calls_nobody(text: str) -> None:
    said = quiet(text)
    assert not any(unicodedata.category(one) in ("Cc", "Cf", "Cs", "Zl", "Zp") for one in said)
    assert "\n" not in said
    assert not any(
        mark in "#@" and (after.isalnum() or after == "_") for mark, after in itertools.pairwise(said)
    )
    assert "://" not in said


def test_any_folder_of_the_repository_will_do_and_one_without_a_working_tree(
    run: Population, repo: Path, tmp_path: Path
) -> None:
    first = made(run, repo / "src", "one")
    assert git(repo, "diff", "--name-only", "HEAD", first) == "src/train.py"
    git(tmp_path, "clone", "-q", "--bare", str(repo), "bare")
    git(tmp_path / "bare", "config", "user.name", "A Person")
    git(tmp_path / "bare", "config", "user.email", "a@b.c")
    made(run, tmp_path / "bare", "two", path="src/train.py")
    assert git(tmp_path / "bare", "show", "two:src/train.py") + "\n" == BEST


def test_a_branch_that_is_checked_out_elsewhere_or_stands_in_the_way_is_refused(
    run: Population, repo: Path, tmp_path: Path
) -> None:
    git(repo, "worktree", "add", "-q", "-b", "elsewhere", str(tmp_path / "tree"))
    with pytest.raises(InputError, match="the branch elsewhere is checked out"):
        made(run, repo, "elsewhere", force=True)
    with pytest.raises(InputError, match="git update-ref: ") as told:
        made(run, repo, "elsewhere/x")
    assert "\n" not in str(told.value)
    assert not (run.folder / "champion.patch").exists()
