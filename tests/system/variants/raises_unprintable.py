"""Raises what cannot be printed."""


class Grim(Exception):
    def __str__(self):
        raise RuntimeError("and again")


def train(burst):
    raise Grim  # here
