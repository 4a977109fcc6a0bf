"""Checking a run folder, and repairing what can be repaired; nothing is taken out that is not kept elsewhere.

``examine`` reads a run, however damaged, and says what is wrong and what a repair would do. ``repair`` does
exactly that: first it appends all that it takes out to ``quarantine.jsonl``, then it writes the missing
sources, tidies the other files, and puts a new journal in the place of the old one, which it keeps.

    salvage        the whole lines of a journal, and the damaged ones
    documents      the records in it, those that are none, those that are there twice
    relations      sources, parents, measurements
    bookkeeping    the champion, and the notes that a search keeps
    runfiles       sources that nobody needs, studies, transcripts, leftovers
    examination    all of these in turn, and the repair
"""

from __future__ import annotations

from population.fsck.examination import Examination, Repair, examine, repair

__all__ = ["Examination", "Repair", "examine", "repair"]
