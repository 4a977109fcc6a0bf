"""The champion's line of descent as a branch of the user's repository: one commit a step, and a patch."""

from __future__ import annotations

import itertools
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from evolve import settings as settings_module
from evolve.errors import InputError
from evolve.git import GitError, Repository
from evolve.report import figures
from evolve.report.standing import champion, direction, gain_over, metric, seed
from evolve.report.untrusted import one_line
from population.disk import write_whole
from population.lineage import descent
from population.store import Population
from population.variant import Variant

PATCH = "champion.patch"
SUBJECT = 72
"""Characters of a commit's first line."""

_FILES = ("100644", "100755")
_CALLS = re.compile(r"(?<=[#@])(?=\w)|(?<=\bGH-)(?=\d)|(?<=:)(?=//)", re.IGNORECASE)
"""Where text would call somebody, or close an issue, on the site that the branch is pushed to."""


@dataclass(frozen=True, slots=True)
class Step:
    """One program on the way from the seed to the champion, and what its commit says."""

    variant: str
    source: str
    message: str


@dataclass(frozen=True, slots=True)
class Branch:
    """A branch whose commits are made, to which nothing points yet.

    Args:
        repository: where.
        name: of the branch.
        was: the commit that it pointed to; None for a new one.
        path: of the program, from the top of the repository.
        commits: hash and first line of each, oldest first.
        patch: the champion against the seed.
        file: where the patch is to be written.
    """

    repository: Repository
    name: str
    was: str | None
    path: str
    commits: tuple[tuple[str, str], ...]
    patch: bytes
    file: Path


def prepared(
    folder: Path, population: Population, name: str, repo: Path, path: str | None, force: bool
) -> Branch:
    """Make the commits of a branch: on top of what is checked out, without touching that.

    Args:
        folder: of the run.
        population: the run.
        name: of the branch.
        repo: any folder in the repository.
        path: of the program, from the top of the repository; None for the seed's own.
        force: whether a branch of that name may be replaced.

    Raises:
        InputError: there is no champion but the seed, no repository, or the branch or path cannot be.
    """
    best, first = champion(population), seed(population)
    if best is None or first is None or best.digest == first.proposed:
        raise InputError(f"{folder} has no champion but its seed: there is nothing to put on a branch")
    repository = Repository(repo)
    was = repository.branch(name)
    if was is not None and repository.checked_out(name):
        raise InputError(f"the branch {name} is checked out; give another --git")
    if was is not None and not force:
        raise InputError(f"there is a branch {name} already; replace it by --force, or give another --git")
    where = _plain_path(path) if path is not None else _seed_path(folder, repository)
    base, *line = _steps(population, best, folder.resolve().name)
    mode, blob = repository.entry(repository.head, where) or (_FILES[0], "")
    if mode not in _FILES:
        raise InputError(f"{where} is no file in the repository; give another --path")
    commits: list[tuple[str, str]] = []
    start = repository.head
    try:
        with tempfile.TemporaryDirectory(prefix="evolve-git-") as work:
            todo = line if blob == repository.blob(_bytes(base.source)) else [base, *line]
            for number, step in enumerate(todo):
                parent = commits[-1][0] if commits else start
                content = repository.blob(_bytes(step.source))
                index = Path(work) / str(number)
                made = repository.commit(parent, where, mode, content, step.message, index)
                commits.append((made, step.message.partition("\n")[0]))
    except GitError as error:
        raise InputError(f"{where} cannot be put on a branch: {error}") from error
    before = start if len(todo) == len(line) else commits[0][0]
    changed = repository.patch(before, commits[-1][0])
    return Branch(repository, name, was, where, tuple(commits), changed, folder / PATCH)


def publish(branch: Branch) -> None:
    """Let the branch point to its last commit, and write the patch.

    Raises:
        InputError: the branch cannot be: another stands in its way, or was made meanwhile.
        PopulationError: the disk does not take the patch.
    """
    branch.repository.point(branch.name, branch.commits[-1][0], branch.was)
    write_whole(branch.file, branch.patch)


def _seed_path(folder: Path, repository: Repository) -> str:
    """Return where the program lies in the repository: the seed's own place, or its name at the top."""
    file = settings_module.load(folder / settings_module.FILE, {}).seed_file.resolve()
    top = repository.top()
    if top is not None and file.is_relative_to(top.resolve()):
        return file.relative_to(top.resolve()).as_posix()
    return file.name


def _plain_path(given: str) -> str:
    """Return a path as git writes it.

    Raises:
        InputError: it leads out of the repository.
    """
    path = PurePosixPath(given)
    if path.is_absolute() or ".." in path.parts or not path.parts or "\0" in given:
        raise InputError(f"--path {given}: give a file by its path from the top of the repository")
    return str(path)


def _steps(population: Population, best: Variant, run: str) -> list[Step]:
    """Return the programs on the way from the seed, as it was given, to the champion."""
    line = [population.variants[name] for name in descent(population.variants, best.id)]
    first = line[0]
    said = f"The seed of the search\n\nThe program as the search {run} was given it.\n"
    steps = [Step(first.id, population.source(first.proposed), said)]
    if first.digest != first.proposed:
        text = "Tune the numbers of the seed\n\n" + _facts(population, first, None, run)
        steps.append(Step(first.id, population.source(first.digest), text))
    for before, variant in itertools.pairwise(line):
        text = _message(population, variant, before.id, run)
        steps.append(Step(variant.id, population.source(variant.digest), text))
    return steps


def _message(population: Population, variant: Variant, parent: str, run: str) -> str:
    """Write what a step's commit says."""
    idea = quiet(variant.hypothesis) or f"{quiet(variant.operator)} of {parent}"
    subject = idea if len(idea) <= SUBJECT else idea[: SUBJECT - 1].rstrip() + "…"
    whole = "" if subject == idea else f"{idea}\n\n"
    return f"{subject}\n\n{whole}{_facts(population, variant, parent, run)}"


def _facts(population: Population, variant: Variant, parent: str | None, run: str) -> str:
    """Write what is known of a variant: a sentence on its gain, then one trailer a fact."""
    decimals, fitness = figures.places(population.noise()), population.fitness(variant.id)
    name = quiet(metric(population))
    said = "It was not measured." if fitness is None else f"{name} {figures.estimate(fitness, decimals)}"
    if fitness is not None:
        said += f" (n={fitness.n})"
        gain = None if parent is None else _gain(population, variant.id, parent, decimals)
        said += "." if gain is None else f", a gain of {gain} over {parent}."
    trailers = {
        "Evolve-Run": quiet(run),
        "Evolve-Variant": variant.id,
        "Evolve-Operator": quiet(variant.operator),
        "Evolve-Model": quiet(variant.model),
    }
    return f"{said}\n\n" + "".join(f"{key}: {value}\n" for key, value in trailers.items() if value)


def _gain(population: Population, name: str, parent: str, decimals: int) -> str | None:
    """Write a gain with its standard error: by common fresh seeds where there are any."""
    found = population.difference(name, parent, direction(population))
    if found is not None:
        error = figures.score(found.standard_error, decimals)
        return f"{figures.gain(found.gain, decimals)} ± {error}"
    gain, own, other = (
        gain_over(population, name, parent),
        population.fitness(name),
        population.fitness(parent),
    )
    if gain is None or own is None or other is None:
        return None
    error = figures.score(figures.gain_error(own, other), decimals)
    return figures.gain(gain, decimals) + ("" if error == "nan" else f" ± {error}")


def quiet(text: str) -> str:
    """Return text as one line that names nobody and no issue, wherever the branch is pushed to."""
    return _CALLS.sub(" ", one_line(text))


def _bytes(source: str) -> bytes:
    return source.encode("utf-8", "surrogatepass")
