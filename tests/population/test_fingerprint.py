import ast
import dataclasses
import inspect
import keyword
import textwrap

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from population.fingerprint import fingerprint, parse, pieces

PROGRAM = '''
"""A program."""
import math
from functools import partial
RATE = 3e-3  # tune: log 1e-4..1e-1
def train(burst, depth=4):
    """Train."""
    A = math.sqrt(RATE) + depth
    from os import path as B
    def C(x, /, *args):
        nonlocal A
        A += x
        return [D + A for D in args if (E := D)]
    class F:
        size = A
        def method(self):
            return C(self.size), B.sep
    with open(burst) as G, burst:
        try:
            for H, (_, *I) in G:
                del H
        except ValueError as J:
            raise J from None
    match A:
        case [1, *K] | {"x": 2, **K} if K:
            return K, -5, 2.5, True, b"z"
        case L:
            return F, I, lambda q, m=3: q + depth, L
'''
LOCALS = "ABCDEFGHIJKL"
TAKEN = {
    "math",
    "partial",
    "train",
    "burst",
    "depth",
    "x",
    "args",
    "size",
    "self",
    "method",
    "q",
    "m",
    "open",
}
names = st.from_regex(r"[a-z][a-z0-9]{0,5}", fullmatch=True).filter(
    lambda name: not keyword.iskeyword(name) and name not in TAKEN | {"locals", "vars", "dir", "eval", "exec"}
)


def spelled(given_names):
    chosen = dict(zip(LOCALS, given_names, strict=True))
    tree = ast.parse(PROGRAM)
    for node in ast.walk(tree):
        for field, value in ast.iter_fields(node):
            if isinstance(value, str) and value in chosen:
                setattr(node, field, chosen[value])
            elif isinstance(node, ast.Nonlocal):
                node.names = [chosen.get(name, name) for name in node.names]
    return ast.unparse(tree)


def differ(one, other):
    return fingerprint(textwrap.dedent(one)) != fingerprint(textwrap.dedent(other))


@settings(max_examples=40, deadline=None)
@given(st.lists(names, min_size=len(LOCALS), max_size=len(LOCALS), unique=True))
def test_the_names_of_locals_do_not_matter(given_names):
    assert fingerprint(spelled(given_names)) == fingerprint(PROGRAM)


def constants(tree):
    return [node for node in ast.walk(tree) if isinstance(node, ast.Constant)]


@pytest.mark.parametrize("index", range(len(constants(ast.parse(PROGRAM)))))
def test_every_constant_but_a_docstring_matters(index):
    tree = ast.parse(PROGRAM)
    node = constants(tree)[index]
    before = fingerprint(ast.unparse(tree))
    docstring = node.value in ("A program.", "Train.")
    if isinstance(node.value, str | bytes):
        node.value = node.value * 2
    else:
        node.value = "other" if node.value is None else node.value + 1
    assert (fingerprint(ast.unparse(tree)) == before) is docstring


@pytest.mark.parametrize("module", [ast, dataclasses, inspect, textwrap])
def test_comments_and_formatting_do_not_matter(module):
    source = inspect.getsource(module)
    assert fingerprint(ast.unparse(ast.parse(source))) == fingerprint(source)


def test_spellings_of_one_number_are_equal():
    assert not differ("A = 3e-3", "A = 0.003")
    assert not differ("A = 0x10", "A = 1_6")


@pytest.mark.parametrize(("one", "other"), [("1", "1.0"), ("1", "True"), ("0.0", "-0.0"), ("'a'", "b'a'")])
def test_constants_of_different_types_differ(one, other):
    assert differ(f"A = {one}", f"A = {other}")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a = 1", "b = 1"),
        ("def f(a): return a", "def f(b): return b"),
        ("def f():\n global a\n a = 1", "def f():\n global b\n b = 1"),
        ("class C:\n a = 1", "class C:\n b = 1"),
        ("def f(x): return x.a", "def f(x): return x.b"),
        ("def f(): import a.b\n", "def f(): import a.c\n"),
        ("def f(): import a.b\n", "def f(): import a.b as c\n"),
        ("def f(): import a\n", "def f(): import b\n"),
        ("f(a=1)", "f(b=1)"),
    ],
)
def test_names_that_others_can_see_matter(one, other):
    assert differ(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("def f():\n a = 1; b = 2\n return a", "def f():\n a = 1; b = 2\n return b"),
        ("def f():\n a = 1\n return a", "def f():\n a = 1\n return b"),
        ("def f(p):\n a = p\n return a", "def f(p):\n a = p\n return p"),
        (
            "def f():\n a = 1\n def g():\n  a = 2\n return a",
            "def f():\n a = 1\n def g():\n  nonlocal a\n  a = 2\n return a",
        ),
        ("def f():\n a = 1\n return [a for a in z]", "def f():\n a = 1\n return [a for b in z]"),
        ("def f():\n a = 1\n return [b for b in a]", "def f():\n a = 1\n return [b for b in b]"),
        ("a = 0\ndef f():\n a = 1\n return a", "a = 0\ndef f():\n b = 1\n return a"),
        (
            "def f():\n a = 1\n class C:\n  a = 2\n  def g(self): return a",
            "def f():\n a = 1\n class C:\n  b = 2\n  def g(self): return b",
        ),
    ],
)
def test_which_variable_is_meant_matters(one, other):
    assert differ(one, other)


def test_a_class_body_hides_its_names_from_its_methods():
    one = "def f():\n {0} = 1\n class C:\n  size = {0}\n  def g(self, size=size): return {0}"
    assert not differ(one.format("a"), one.format("b"))
    assert differ(one.format("a"), one.format("size"))


def test_comprehension_variables_of_a_module_do_not_matter():
    assert not differ("A = {k: v for k, v in z}", "A = {x: y for x, y in z}")


def test_a_walrus_in_a_module_comprehension_binds_a_global():
    assert differ("[(a := x) for x in z]", "[(b := x) for x in z]")


@pytest.mark.parametrize("call", ["locals()", "eval('a')", "exec('a = 2')", "vars()"])
def test_names_matter_where_a_program_can_look_them_up(call):
    assert differ(f"def f():\n a = 1\n return {call}", f"def f():\n b = 1\n return {call}")


def test_a_method_called_eval_is_no_such_look_up():
    assert not differ("def f(m):\n a = m.eval()\n return a", "def f(m):\n b = m.eval()\n return b")


def test_a_docstring_alone_is_an_empty_body():
    assert not differ("def f():\n 'doc'", "def f():\n pass")
    assert differ("A = 'doc'", "A = 'other'")


def test_a_long_chain_of_terms_is_no_trouble():
    assert differ("A = " + "+".join(["x"] * 900), "A = " + "+".join(["x"] * 901))


def test_a_huge_integer_is_no_trouble():
    assert differ("A = 0x1" + "0" * 9000, "A = 0x2" + "0" * 9000)


@pytest.mark.parametrize(
    "source", ["def", "A = '\0'", "A = '\ud800'", "A = " + "-" * 100_000 + "1", "(" * 999]
)
def test_whatever_is_no_python_is_a_syntax_error(source):
    with pytest.raises(SyntaxError):
        parse(source)


def test_an_odd_escape_in_a_variant_warns_nobody():
    assert parse(r"A = '\d'")


LOCAL = "def f(burst):\n    {name} = burst\n    return [{name} for {name} in {name}]\n"


def test_a_statement_has_the_same_spelling_wherever_it_stands():
    other = LOCAL.format(name="a").replace("f(", "g(")
    for one, two in ((LOCAL, other), (other, LOCAL)):
        assert fingerprint(one.format(name="x") + two.format(name="x")) == fingerprint(
            one.format(name="y") + two.format(name="z")
        )


def test_order_of_functions_counts():
    one, other = "def f():\n    a = 1\n", "def g():\n    b = 1\n"
    assert fingerprint(one + other) != fingerprint(other + one)


@pytest.mark.parametrize(
    "source",
    [
        '"""a docstring\nx = 1\nwith lines that look like statements\n"""\ny = 2\n',
        "x = 1 + \\\n2\ny = 3\n",
        "@one(\n    2,\n)\n@other\ndef f():\n    pass\n",
        "if a:\n    pass\nelif b:\n    pass\nelse:\n    pass\n",
        "x = (\n1,\n2,\n)\ny = '''\nz = 3\n'''\n",
        "a = 1; b = 2\n# a comment\nc = 3",
        "x = 1\r\ny = 2\r\n",
        "\n".join(["'''", *(f"x{n} = {n}" for n in range(200)), "'''", "y = 1\n"]),
    ],
)
def test_pieces_make_up_the_source_and_are_python_each(source):
    parts = pieces(source)
    assert "".join(parts) == source
    for part in parts:
        parse(part)


def test_what_is_no_python_has_no_pieces():
    with pytest.raises(SyntaxError):
        pieces("x = 1\ny = (\nz = 3\n")
