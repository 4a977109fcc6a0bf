"""Names a type that does not exist: an error in a file that runs alone, so here too."""


def train(burst: Missing):  # noqa: F821  # here
    return burst
