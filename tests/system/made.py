"""A run folder with a champion of our choosing, as a search would have left it."""

from __future__ import annotations

from pathlib import Path

from evolve import admission, runs
from evolve.preparing import prepare
from evolve.settings import load
from population.store import Population
from population.variant import Measurement, Purpose, Variant

SEED = Path(__file__).with_name("bigram.py").read_text()


def make(folder: Path, text: Path, champion: str, **flags: object) -> Path:
    """Found a run on the bigram seed and crown a variant with this source, by scores made up for it."""
    seed_file = folder.with_suffix(".py")
    seed_file.write_text(SEED)
    usual = {"data": text, "context": 32, "windows": 16, "models": ("none",), "seed": 1, "slots": 2}
    runs.create(folder, prepare(load(None, {**usual, "seed_file": seed_file, **flags})))
    with Population.open(folder, write=True) as population:
        digest = population.keep_source(champion)
        mark = admission.mark(champion)
        best = Variant("v1", digest, digest, mark, ("v0",), "mutate", "an idea", island=0, generation=1)
        population.commit(best, meta={"champion": "v1", "stopped": "made by hand", "clock": 1.0})
        for name, score in (("v0", 3.5), ("v1", 3.0)):
            own = population.variants[name].digest
            scores = [
                Measurement(name, own, seed, Purpose.REPLICATE, score + seed / 100, None, seconds=1.0)
                for seed in (1, 2)
            ]
            population.commit(*scores)
    return folder
