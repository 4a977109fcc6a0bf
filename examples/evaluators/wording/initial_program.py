"""Prints a summary of a text; it is run as a program, the text on its input."""

import sys

# EVOLVE-BLOCK-START
WORDS = 12  # tune: int 3..40


def summary(text):
    """Return some words of a text that stand for it."""
    return " ".join(text.split()[:WORDS])


# EVOLVE-BLOCK-END

if __name__ == "__main__":
    print(summary(sys.stdin.read()))
