"""What is known of the variants, and choosing from it. Imports no other package of ours.

``population.open(DIR)`` is the database of a run as a TinyDB, to be queried::

    import population
    from tinydb import Query

    db = population.open("runs/2026-01-31-2200")
    db.table("variants").search(Query().operator == "crossover")
"""

from __future__ import annotations

from pathlib import Path

from population import threads  # noqa: F401  before numpy
from population.database import JournalDB
from population.store import open_database


def open(folder: str | Path, *, write: bool = False) -> JournalDB:  # noqa: A001 - as in dbm, shelve, tarfile
    """Open the database of a run as a TinyDB; see ``population.store.open_database``."""
    return open_database(Path(folder), write=write)
