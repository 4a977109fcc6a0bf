"""Takes 30 GB."""


def train(burst):
    held = bytearray(30 << 30)
    block = b"x" * (1 << 20)
    for start in range(0, len(held), len(block)):
        held[start : start + len(block)] = block
