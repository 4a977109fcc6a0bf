"""A function to minimise: how low the program gets on one with many valleys; 0 is the best."""

import importlib.util
import math
import os


def bumpy(x, y):
    return (
        0.2 * (x - 1.5) ** 2 + 0.2 * (y + 2.0) ** 2 + 1.0 - math.cos(3 * (x - 1.5)) * math.cos(3 * (y + 2.0))
    )


def evaluate(program_path):
    spec = importlib.util.spec_from_file_location("program", program_path)
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    start = int(os.environ.get("EVOLVE_SEED", 0)) % 1000
    looks = 0

    def counted(x, y):
        nonlocal looks
        looks += 1
        if looks > 100:
            raise RuntimeError("more than 100 looks at the function")
        return bumpy(x, y)

    total = 0.0
    for number in range(20):
        looks = 0
        total += bumpy(*program.run(counted, start + number))
    return {"combined_score": -total / 20, "lowest": total / 20}
