"""What is asked of git: plumbing alone, so that no working tree, index or current branch is touched."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from evolve.errors import InputError

_ELSEWHERE = frozenset(
    {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_NAMESPACE", "GIT_PREFIX"}
)
"""Variables that would send git to another repository than the one that is named, as in a hook."""


class GitError(InputError):
    """Git refused; its own words, in one line."""


class Repository:
    """A git repository that has commits and a branch checked out.

    Args:
        folder: any folder in it.

    Raises:
        InputError: there is no git, no repository, no commit, or nobody to be the author.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        if not folder.is_dir():
            raise InputError(f"--repo {folder}: there is no such folder")
        try:
            self.run("rev-parse", "--git-dir")
        except FileNotFoundError:
            raise InputError("git is not installed, or not on the PATH") from None
        except GitError as error:
            if "not a git repository" in str(error):
                raise InputError(f"{folder.resolve()} is in no git repository; give one by --repo") from None
            raise
        self.head = self._asked(
            ("rev-parse", "--verify", "--quiet", "HEAD^{commit}"),
            f"the repository of {folder.resolve()} has no commit yet; make one first",
        )
        self._asked(
            ("symbolic-ref", "--quiet", "HEAD"),
            f"no branch is checked out in {folder.resolve()} (HEAD is detached); check one out first",
        )
        self._asked(
            ("var", "GIT_AUTHOR_IDENT"),
            "git does not know who you are; set user.name and user.email by `git config`",
        )

    def top(self) -> Path | None:
        """Return the top of the working tree, None in a bare repository."""
        try:
            return Path(self.run("rev-parse", "--show-toplevel"))
        except GitError:
            return None

    def entry(self, tree: str, path: str) -> tuple[str, str] | None:
        """Return mode and object of a path in a commit, None where there is nothing."""
        said = self.run("ls-tree", "-z", "--full-tree", tree, "--", f":(literal,top){path}")
        if not said:
            return None
        mode, _, name = said.partition("\t")[0].split(" ")
        return mode, name

    def blob(self, data: bytes) -> str:
        """Keep a file's content, as it is, and return its name."""
        return self.run("hash-object", "-w", "--no-filters", "--stdin", given=data)

    def commit(self, parent: str, path: str, mode: str, blob: str, message: str, index: Path) -> str:
        """Return a new commit: its parent with one file changed; no branch points to it yet.

        Args:
            parent: a commit.
            path: of the file, from the top of the repository.
            mode: of the file, such as ``100644``.
            blob: its content.
            message: of the commit.
            index: a file that does not exist, for git to work in.
        """
        own = {"GIT_INDEX_FILE": str(index)}
        self.run("read-tree", parent, more=own)
        self.run("update-index", "--add", "--cacheinfo", f"{mode},{blob},{path}", more=own)
        tree = self.run("write-tree", more=own)
        said = message.encode("utf-8", "replace")
        return self.run("-c", "i18n.commitEncoding=UTF-8", "commit-tree", tree, "-p", parent, given=said)

    def patch(self, before: str, after: str) -> bytes:
        """Return what changed between two commits, as ``git apply`` takes it."""
        ours = ("--no-ext-diff", "--no-textconv", "--no-renames", "--src-prefix=a/", "--dst-prefix=b/")
        return self._run(("diff-tree", "-p", "--full-index", "--binary", *ours, before, after))

    def branch(self, name: str) -> str | None:
        """Return the commit that a branch points to, None where there is no such branch.

        Raises:
            InputError: no branch can be called so.
        """
        try:
            self.run("check-ref-format", f"refs/heads/{name}")
        except GitError:
            raise InputError(f"--git {name}: no branch can be called so") from None
        if name.startswith("-") or name == "HEAD":
            raise InputError(f"--git {name}: no branch can be called so")
        try:
            return self.run("rev-parse", "--verify", "--quiet", f"refs/heads/{name}^{{commit}}")
        except GitError:
            return None

    def checked_out(self, name: str) -> bool:
        """Say whether a branch is checked out, here or in another working tree of the repository."""
        listed = self.run("worktree", "list", "--porcelain").splitlines()
        return f"branch refs/heads/{name}" in listed

    def point(self, name: str, commit: str, was: str | None) -> None:
        """Let a branch point to a commit, if it still points to where it did."""
        old = was or "0" * len(commit)
        self.run("update-ref", "-m", "evolve export", f"refs/heads/{name}", commit, old)

    def run(self, *words: str, given: bytes = b"", more: Mapping[str, str] | None = None) -> str:
        """Run git and return what it prints, without the last newline.

        Raises:
            GitError: it refuses.
        """
        return self._run(words, given, more).decode("utf-8", "surrogateescape").rstrip("\n")

    def _run(
        self, words: tuple[str, ...], given: bytes = b"", more: Mapping[str, str] | None = None
    ) -> bytes:
        kept = {name: value for name, value in os.environ.items() if name not in _ELSEWHERE}
        done = subprocess.run(
            ["git", "-C", str(self._folder), *words],
            input=given,
            capture_output=True,
            env={**kept, "LC_ALL": "C", **(more or {})},
            check=False,
        )
        if done.returncode:
            said = " ".join(done.stderr.decode("utf-8", "replace").split())
            raise GitError(f"git {words[0]}: {said or f'exit code {done.returncode}'}")
        return done.stdout

    def _asked(self, words: tuple[str, ...], missing: str) -> str:
        """Return what git says.

        Raises:
            InputError: it has no answer; ``missing`` says what that means.
        """
        try:
            return self.run(*words)
        except GitError:
            raise InputError(missing) from None
