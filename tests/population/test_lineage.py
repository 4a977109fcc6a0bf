import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from population.lineage import ancestors, apart, children_index, descendants, descent, meeting, tree, walk
from population.variant import Variant


@pytest.fixture
def family(a_variant):
    """v0 has v1 and v2; v3 crosses v2 with v1; v4 comes of v3."""
    given_parents = {"v0": (), "v1": ("v0",), "v2": ("v0",), "v3": ("v2", "v1"), "v4": ("v3",)}
    return {name: a_variant(name, *parents) for name, parents in given_parents.items()}


def test_ancestors_come_nearest_first_and_once(family):
    assert ancestors(family, "v4") == ["v3", "v2", "v1", "v0"]
    assert ancestors(family, "v0") == []


def test_descendants_come_nearest_first_and_once(family):
    assert descendants(family, "v0") == ["v1", "v2", "v3", "v4"]
    assert descendants(family, "v1", children_index(family.values())) == ["v3", "v4"]


def test_the_line_of_descent_follows_first_parents(family):
    assert descent(family, "v4") == ["v0", "v2", "v3", "v4"]


def test_children_stand_under_each_parent(family, a_variant):
    twice = a_variant("v5", "v4", "v4")
    index = children_index([*family.values(), twice])
    assert index == {"v0": ["v1", "v2"], "v1": ["v3"], "v2": ["v3"], "v3": ["v4"], "v4": ["v5"]}


def test_a_child_of_two_shows_under_its_first_and_names_the_second(family):
    shown = [(depth, node.variant.id, node.others) for depth, node in walk(tree(family.values()))]
    assert shown == [(0, "v0", ()), (1, "v1", ()), (1, "v2", ()), (2, "v3", ("v1",)), (3, "v4", ())]


def test_a_variant_whose_parent_is_not_there_is_a_root(family):
    del family["v0"]
    assert [node.variant.id for node in tree(family.values())] == ["v1", "v2"]
    assert descent(family, "v4") == ["v2", "v3", "v4"]


@pytest.mark.parametrize("ask", [ancestors, descendants, descent])
def test_an_unknown_variant_is_a_key_error(family, ask):
    with pytest.raises(KeyError):
        ask(family, "v9")


@pytest.mark.slow
def test_a_lineage_of_100_000_generations_is_no_trouble(a_variant):
    chain = {"v0": a_variant("v0")}
    for number in range(1, 100_000):
        chain[f"v{number}"] = Variant(f"v{number}", "", "", "", (f"v{number - 1}",), "", "", 0, number)
    assert len(ancestors(chain, "v99999")) == len(descendants(chain, "v0")) == 99_999
    assert descent(chain, "v99999")[:2] == ["v0", "v1"]
    assert max(depth for depth, _ in walk(tree(chain.values()))) == 99_999


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.integers(0, 30), max_size=2), max_size=30))
def test_descendants_are_those_who_have_it_for_an_ancestor(a_variant, choices):
    family = {"v0": a_variant("v0")}
    for number, parents in enumerate(choices, start=1):
        family[f"v{number}"] = a_variant(f"v{number}", *(f"v{parent % number}" for parent in parents))
    for one in family:
        assert set(descendants(family, one)) == {other for other in family if one in ancestors(family, other)}
    assert sorted(node.variant.id for _, node in walk(tree(family.values()))) == sorted(family)


def test_the_ways_to_two_variants_begin_with_their_nearest_common_ancestor(a_variant):
    known = bred(
        a_variant,
        v0=(),
        v1=("v0",),
        v2=("v1",),
        v3=("v1",),
        v4=("v3",),
        v5=("v4", "v2"),
        v6=("v3",),
        v7=("v0",),
    )
    assert meeting(known, "v2", "v4") == (("v1", "v2"), ("v1", "v3", "v4"))
    assert meeting(known, "v6", "v5") == (("v3", "v6"), ("v3", "v4", "v5"))
    assert meeting(known, "v2", "v5") == (("v2",), ("v2", "v5"))
    assert meeting(known, "v7", "v7") == (("v7",), ("v7",))
    pairs = [("v2", "v4"), ("v2", "v5"), ("v7", "v7"), ("v6", "v7")]
    assert [apart(known, *pair) for pair in pairs] == [True, False, False, True]
    assert meeting(known, "v5", "v7") == (("v0", "v1", "v3", "v4", "v5"), ("v0", "v7"))


def test_variants_without_a_common_ancestor_do_not_meet(a_variant):
    known = bred(a_variant, v0=(), v1=("v0",), w0=(), w1=("w0",), x=("gone",))
    assert meeting(known, "v1", "w1") is None
    assert meeting(known, "v1", "x") is None


def test_the_search_for_an_ancestor_ends_at_its_limit(a_variant):
    deep = {f"a{i}": (f"a{i - 1}",) if i else ("root",) for i in range(50)}
    known = bred(a_variant, root=(), b=("root",), **deep)
    assert meeting(known, "a49", "b", limit=20) is None
    ways = meeting(known, "a49", "b")
    assert ways is not None
    assert len(ways[0]) == 51


def bred(a_variant, **parents):
    known = {}
    for name, above in parents.items():
        generation = 1 + max((known[one].generation for one in above if one in known), default=-1)
        known[name] = a_variant(name, *above, generation=generation)
    return known
