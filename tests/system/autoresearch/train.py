"""What is to be improved: counts of which letter follows which."""

import time

from prepare import BUDGET, VOCAB, evaluate_bpb, texts

SMOOTHING = 300.0  # counts that every pair of letters has from the beginning
MIXTURE = 0.5  # share of the pairs

started = time.perf_counter()
text, _ = texts()
counts = [[0] * VOCAB for _ in range(VOCAB)]
singles = [0] * VOCAB
steps = 0
while steps < len(text) - 1 and time.perf_counter() - started < BUDGET:
    counts[text[steps]][text[steps + 1]] += 1
    singles[text[steps + 1]] += 1
    steps += 1
trained = time.perf_counter() - started
totals = [sum(row) for row in counts]


def probability(before, after):
    pair = (counts[before][after] + SMOOTHING) / (totals[before] + SMOOTHING * VOCAB)
    return MIXTURE * pair + (1 - MIXTURE) * (singles[after] + 1) / (steps + VOCAB)


print("---")
print(f"val_bpb:          {evaluate_bpb(probability):.6f}")
print(f"training_seconds: {trained:.1f}")
print(f"peak_vram_mb:     {0.5:.1f}")
print(f"num_steps:        {steps}")
