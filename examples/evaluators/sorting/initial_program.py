"""Sorts a list of whole numbers, counted by how often it compares two of them."""

# EVOLVE-BLOCK-START
GAP = 5  # tune: int 1..40


def sort(items, less):
    """Return the items in order; ``less(a, b)`` says whether a comes before b."""
    items = list(items)
    for gap in (GAP, 1):
        for start in range(gap, len(items)):
            at = start
            while at >= gap and less(items[at], items[at - gap]):
                items[at], items[at - gap] = items[at - gap], items[at]
                at -= gap
    return items


# EVOLVE-BLOCK-END
