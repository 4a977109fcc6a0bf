"""Kill searches at length: ``python -m tests.system.harness``, some 250 kills, and a line for each kind.

``EVOLVE_KILLS`` says how many kills of each kind (50), ``EVOLVE_SCHEDULES`` how many searches are killed and
compared with one that was not (20), ``EVOLVE_SEED`` what all is drawn from (1). Kinds to try may be named as
arguments. A run in which something was wrong is kept, and told of. Exits with 1 if there is one.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from operators.local import available
from tests.system import ordeals, twins
from tests.system.conftest import write_text
from tests.system.kills import Role
from tests.system.ordeals import Seen

HELPERS = (Role.ZYGOTE, Role.SCORER, Role.BURST, Role.LLM)
EQUALITY = "equality"


def asked(name: str, usual: int) -> int:
    """Return a number that the environment may give."""
    return int(os.environ.get(name) or usual)


def trials(folder: Path, text: Path, seed: int) -> Mapping[str, Callable[[], Seen]]:
    """Return what is to be done for each kind, in folders of their own."""
    number = asked("EVOLVE_KILLS", 50)

    def own(name: str) -> Path:
        (folder / name).mkdir()
        return folder / name

    found: dict[str, Callable[[], Seen]] = {
        Role.ENGINE: lambda: ordeals.engine(own(Role.ENGINE), text, number, seed)
    }
    for role in HELPERS:
        if role is not Role.LLM or available():
            found[role] = partial(lambda role: ordeals.helpers([role], own(role), text, number, seed), role)
    found[EQUALITY] = lambda: twins.compare(
        own(EQUALITY), text, asked("EVOLVE_SCHEDULES", 20), seed, evaluations=80
    )
    return found


def main(names: list[str]) -> int:
    """Do it, and say what was seen."""
    folder = Path(tempfile.mkdtemp(prefix="evolve-kills-"))
    wanted = trials(folder, write_text(folder / "words", seed=0), asked("EVOLVE_SEED", 1))
    wrong = 0
    for name in names or wanted:
        seen = wanted[name]()
        print(seen.line(), flush=True)
        for violation in seen.violations:
            print(f"    {violation}", flush=True)
        wrong += len(seen.violations)
        if not seen.violations:
            shutil.rmtree(folder / name)
    if wrong:
        print(f"the runs are kept in {folder}")
    else:
        shutil.rmtree(folder)
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
