"""Puts squares of given sizes on a shelf of shelves: which one goes where."""

# EVOLVE-BLOCK-START
SLACK = 3.0  # tune: 0..10


def place(sizes, width):
    """Return for each size the number of the row that it goes to; no row may be wider than ``width``."""
    rows, places = [0.0], []
    for size in sizes:
        if rows[-1] + size > width - SLACK:
            rows.append(0.0)
        rows[-1] += size
        places.append(len(rows) - 1)
    return places


# EVOLVE-BLOCK-END
