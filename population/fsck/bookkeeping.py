"""Whether the notes of a run speak of what is there: the champion, and what its writers keep in notes."""

from __future__ import annotations

from population.fsck.case import CHAMPION, Case, at
from population.fsck.findings import QUARANTINED, STAYS, Conventions, Level, Mention
from population.records import META, Note

Mentions = dict[tuple[str, str], Mention]
"""What each note speaks of, by table and key."""


def read(case: Case, conventions: Conventions) -> Mentions:
    """Find out what the notes speak of; those that make no sense are to be taken out."""
    mentions: Mentions = {}
    for key, note in [*case.known.notes.items()]:
        try:
            mentions[key] = conventions.mention(note)
        except ValueError as error:
            _take_out(case, key, f"note {note.key} makes no sense: {error}")
            continue
        for text in mentions[key].texts:
            case.sources.spare(text.encode("utf-8", "surrogatepass"))
    return mentions


def check(case: Case, conventions: Conventions, mentions: Mentions) -> None:
    """Check them all; what is about nobody is to be taken out."""
    for key in conventions.needed:
        if (META, key) not in case.known.notes:
            what = f"there is no note of the run's {key}: no search can go on"
            case.find(Level.ERROR, "note", what, f"table {META}")
    _check_champion(case)
    while vain := [(key, why) for key in mentions if (why := _vain(case, key, mentions[key]))]:
        for name, why in vain:
            what = f"note {name[1]} speaks of {why}"
            instead = mentions.pop(name).otherwise
            if instead is None:
                _take_out(case, name, what)
            else:
                where = at(name[0], case.known.numbers[name])
                case.find(Level.ERROR, "note", what, where, f"mended; as it was {QUARANTINED}")
                case.put_note(instead, what)


def _vain(case: Case, key: tuple[str, str], mention: Mention) -> str:
    """Say which of what a note speaks of is not there; empty if everything is, or the note is gone."""
    variants = case.known.variants
    if key not in case.known.notes:
        return ""
    for name in (*mention.variants, *(name for name, _ in mention.sources)):
        if name not in variants:
            return f"{name}, which is no variant"
    for table, name in mention.notes:
        if (table, name) not in case.known.notes:
            return f"note {name} of {table}, which is not there"
    for name, digest in mention.sources:
        wanted = digest or variants[name].digest
        if not case.has_source(variants[name], wanted):
            return f"the source {wanted} of {name}, which {case.sources.state(wanted)}"
    return ""


def _take_out(case: Case, key: tuple[str, str], what: str) -> None:
    case.find(Level.ERROR, "note", what, at(key[0], case.known.numbers[key]), QUARANTINED)
    case.drop_note(key, what)


def _check_champion(case: Case) -> None:
    """See that the champion is a variant; if not, it is the last that was crowned, or the seed."""
    variants, key = case.known.variants, (META, CHAMPION)
    note = case.known.notes.get(key)
    if note.value in (*variants, None) if note is not None else not case.known.crowned:
        return
    said = "a champion was crowned, but no note says who it is"
    if note is not None:
        said = f"the champion is {note.value}, which is no variant"
    seeds = [one.id for one in variants.values() if not one.parents]
    heirs = [*seeds[:1], *(name for name in case.known.crowned if name in variants)]
    repair = f"{heirs[-1]} made champion" if heirs else QUARANTINED if note is not None else STAYS
    case.find(Level.ERROR, "champion", said, f"table {META}", repair)
    if heirs:
        case.put_note(Note(META, CHAMPION, heirs[-1]), said)
    elif note is not None:
        case.drop_note(key, said)
