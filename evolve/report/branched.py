"""What an export to git made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from evolve.branching import Branch
from evolve.report.figures import counted
from evolve.report.untrusted import one_line


def branched(branch: Branch | None) -> Iterator[RenderableType]:
    """Say which commits there are, and where the patch is."""
    if branch is None:
        return
    head = f"branch {branch.name}: {counted(len(branch.commits), 'commit')} of {branch.path}"
    yield Text(one_line(f"{head} on {branch.repository.head[:12]}"))
    for commit, subject in branch.commits:
        yield Text(f"  {commit[:12]}  {one_line(subject)}", style="dim", no_wrap=True, overflow="ellipsis")
    yield Text(f"patch against the seed: {branch.file}", no_wrap=True, overflow="ignore")


def branch_data(branch: Branch | None) -> dict[str, Any]:
    """Return the same as plain data; nothing where there is no branch."""
    if branch is None:
        return {}
    return {
        "branch": branch.name,
        "path": branch.path,
        "parent": branch.repository.head,
        "commits": [{"commit": commit, "subject": subject} for commit, subject in branch.commits],
        "patch": str(branch.file),
    }
