from population.names import dangling, names

SOURCE = """\
import torch.nn as nn
from math import pi, tau as turn


class Block(nn.Module):
    size = 3

    def __init__(self, width, *rest, deep=pi):
        self.gate = width
        self.register_buffer("mask", None)

    def forward(self, x):
        try:
            y = self.gate(x) + self.mask
        except ValueError as error:
            raise error
        return [z for z in y]
"""


def test_names_of_every_kind_are_found_with_their_lines():
    known = names(SOURCE)
    assert {
        "nn",
        "pi",
        "turn",
        "Block",
        ".size",
        ".forward",
        "width",
        "rest",
        "deep",
        ".gate",
        ".mask",
    } <= set(known.bound)
    assert {"error", "z", "y"} <= set(known.bound)
    assert known.bound[".gate"] == {8}
    assert known.used[".gate"] == {13}
    assert "torch" not in known.bound
    assert {"nn", "pi", "width", "ValueError", "z"} <= set(known.used)


def test_a_name_that_is_used_and_was_bound_by_the_parent_alone_dangles():
    child = names(SOURCE.replace("self.gate = width", "pass").replace("import pi,", "import"))
    assert dangling(child, names(SOURCE)) == {".gate", "pi"}
    assert dangling(names(SOURCE), names(SOURCE)) == set()


def test_lines_are_counted_through_all_of_a_source_however_they_end():
    once = names(SOURCE)
    for end in ("\n", "\r\n", "\r"):
        twice = names((SOURCE + "\n# between\n" + SOURCE).replace("\n", end))
        again = SOURCE.count("\n") + 2
        assert twice.bound[".gate"] == {line + part for line in once.bound[".gate"] for part in (0, again)}
        assert twice.used["pi"] == {line + part for line in once.used["pi"] for part in (0, again)}
