"""One short, confined training run of a variant, and the trusted scorer that asks it for answers.

engine ── zygote ── supervisor ── child        the child trains; it holds no label
   └───── scorer ─────────────────┘            the scorer asks, holds the labels, does the arithmetic
"""
