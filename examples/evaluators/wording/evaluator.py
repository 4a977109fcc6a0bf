"""Text as output: the program is started, and what it prints is compared with what the text speaks of."""

import collections
import pathlib
import subprocess
import sys

TEXT = pathlib.Path(__file__).with_name("text.txt").read_text()
COMMON = {"the", "a", "of", "is", "and", "to", "by", "are", "for", "when", "with", "who", "has", "up", "more"}


def words(text):
    return [
        word
        for word in "".join(c if c.isalpha() else " " for c in text.lower()).split()
        if word not in COMMON
    ]


def evaluate(program_path):
    done = subprocess.run(
        [sys.executable, program_path], input=TEXT, capture_output=True, text=True, timeout=20, check=True
    )
    weights = collections.Counter(words(TEXT))
    said = words(done.stdout)
    kept = sum(weights[word] for word in set(said)) / sum(weights.values())
    length = len(done.stdout.split())
    return {"combined_score": kept - 0.01 * length, "kept": kept, "length": float(length)}
