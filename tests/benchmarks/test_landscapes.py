from __future__ import annotations

import random

import pytest

from benchmarks.peers.catalogue import EDITS, put, set_number
from benchmarks.peers.landscapes import NAMES, SIGMA, Landscape, best_options, landscape
from benchmarks.peers.program import statements
from benchmarks.peers.reading import Broken, numbers, read
from benchmarks.peers.sites import BROKEN, SEED_SOURCE, SITES, by_name


def best_program(where: Landscape) -> str:
    """Apply the edits that are known to be best, then set the numbers."""
    source = where.seed_source
    for site, option in best_options(where.terms):
        changed = put(source, by_name()[site], by_name()[site].options[option])
        assert changed is not None
        source = changed
    for bowl in where.bowls:
        reading = read(source)
        assert not isinstance(reading, Broken)
        changed = set_number(source, bowl.number, bowl.number.at(bowl.centre(reading.choices)))
        assert changed is not None
        source = changed
    return source


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("instance", range(3))
def test_the_best_score_and_the_target_are_reached_by_known_edits(name: str, instance: int) -> None:
    where = landscape(name, instance)
    truth = where.truth(best_program(where))
    assert truth == pytest.approx(where.best, abs=0.5 * SIGMA)  # numbers are rounded
    assert truth < where.target < where.truth(SEED_SOURCE)


@pytest.mark.parametrize("name", NAMES)
def test_an_instance_is_always_the_same_and_unlike_the_others(name: str) -> None:
    landscape.cache_clear()
    first = landscape(name, 5)
    landscape.cache_clear()
    assert landscape(name, 5) == first
    assert landscape(name, 6).terms != first.terms


def test_the_noiseless_landscape_has_the_truth_of_the_noisy_one() -> None:
    noisy, quiet = landscape("interplay", 4), landscape("noiseless", 4)
    assert quiet.score(SEED_SOURCE, 1) == quiet.truth(SEED_SOURCE) == noisy.truth(SEED_SOURCE)
    assert noisy.score(SEED_SOURCE, 1) != noisy.truth(SEED_SOURCE)


def test_noise_has_its_deviation_and_depends_on_source_and_draw() -> None:
    where = landscape("interplay", 0)
    scores = [where.score(SEED_SOURCE, draw) for draw in range(400)]
    assert all(isinstance(score, float) for score in scores)
    truth = where.truth(SEED_SOURCE)
    off = [score - truth for score in scores if isinstance(score, float) and isinstance(truth, float)]
    assert sum(off) / 400 == pytest.approx(0.0, abs=0.15 * SIGMA)
    assert (sum(x * x for x in off) / 400) ** 0.5 == pytest.approx(SIGMA, rel=0.1)
    assert where.score(SEED_SOURCE, 7) == where.score(SEED_SOURCE, 7)
    assert where.score(f"{SEED_SOURCE}\n# a note\n", 7) != where.score(SEED_SOURCE, 7)


def test_formatting_and_comments_do_not_change_the_truth() -> None:
    where = landscape("epistatic", 1)
    spread = SEED_SOURCE.replace("F.gelu(self.up(x))", "F.gelu(\n            self.up(x),  # wide\n        )")
    spread = spread.replace("WIDTH = 32", "# EVOLVE-BLOCK-START\nWIDTH   =   32")
    assert where.truth(spread) == where.truth(SEED_SOURCE)


def test_in_the_epistatic_landscape_members_cost_alone_and_pay_together() -> None:
    where = landscape("epistatic", 2)
    whole = [term for term in where.terms if len(term.options) > 1]
    alone = {next(iter(term.options)): term.gain for term in where.terms if len(term.options) == 1}
    assert len(whole) == 12
    for term in whole:
        assert all(-0.6 <= alone[option] <= -0.1 for option in term.options)
        assert term.gain + sum(alone[option] for option in term.options) >= 2.5


def test_in_the_deceptive_landscape_a_lure_pays_less_than_what_it_keeps_away() -> None:
    where = landscape("deceptive", 2)
    alone = {next(iter(term.options)): term.gain for term in where.terms if len(term.options) == 1}
    lures = [option for option, gain in alone.items() if gain >= 1.0]
    assert len(lures) >= 6
    assert sum(term.gain == -1.0 and len(term.options) == 2 for term in where.terms) == 6


def test_every_site_of_the_seed_is_found_and_nothing_is_strange() -> None:
    reading = read(SEED_SOURCE)
    assert not isinstance(reading, Broken)
    assert reading.choices == {site.name: site.default for site in SITES}
    assert reading.strange == ()
    assert len(numbers()) == 8


def test_no_option_is_strange_or_broken() -> None:
    for edit in EDITS:
        changed = edit.apply(SEED_SOURCE)
        if edit.option == edit.site.default:
            assert changed is None
            continue
        assert changed is not None
        reading = read(changed)
        assert not isinstance(reading, Broken), edit.name
        assert reading.choices[edit.site.name] == edit.option
        assert reading.strange == ()


def test_a_break_is_seen_whether_in_the_first_step_or_late() -> None:
    where = landscape("interplay", 0)
    for one in BROKEN:
        source = put(SEED_SOURCE, by_name()[one.site], one.code)
        assert source is not None
        assert isinstance(where.truth(source), Broken)
        assert isinstance(where.score(source, 0), Broken)
        assert (where.smoke(source) is None) == one.late


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("F.gelu(self.up(x))", "F.gelu(self.gate(x))", "no attribute 'gate'"),
        ("h = F.gelu(self.up(x))", "h = F.gelu(self.up(z))", "name 'z' is not defined"),
        ("def train(burst)", "def training(burst)", "defines no function train"),
        ("return self.down(h)", "return self.down(h", "SyntaxError"),
    ],
)
def test_what_python_would_refuse_is_broken(old: str, new: str, said: str) -> None:
    broken = landscape("interplay", 0).truth(SEED_SOURCE.replace(old, new))
    assert isinstance(broken, Broken)
    assert said in broken.message


def test_a_learning_rate_far_too_large_diverges_late() -> None:
    where = landscape("interplay", 0)
    rate = where.bowls[0].number
    assert rate.name == "LEARNING_RATE"
    sources = [set_number(SEED_SOURCE, rate, rate.at(share / 20)) for share in range(21)]
    truths = [where.truth(source or "") for source in sources]
    assert isinstance(truths[0], float)
    failures = [truth for truth in truths if isinstance(truth, Broken)]
    assert all(truth.late for truth in failures)


def test_what_is_strange_never_helps() -> None:
    rng = random.Random(0)
    found = statements(SEED_SOURCE)
    lines = SEED_SOURCE.split("\n")
    for instance in range(3):
        where = landscape("interplay", instance)
        own = where.truth(SEED_SOURCE)
        for one in rng.sample([s for s in found if s.scope and "def (" not in s.text], 12):
            if one.text.startswith(("class", "for", "while", "if")):
                continue
            for body in ([], lines[one.first - 1 : one.last] * 2):
                changed = "\n".join([*lines[: one.first - 1], *body, *lines[one.last :]])
                truth = where.truth(changed)
                assert isinstance(truth, Broken) or (isinstance(own, float) and truth >= own)
