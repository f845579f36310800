"""Seconds per step of the training rules of the book, over those of plain Muon, beside the decompositions they count.

Run as `OMP_NUM_THREADS=1 python benchmarks/manifold_training.py`. The two columns differ: a decomposition is not all
that the certified direction does, and it is dearer than a small polar factor.
"""

import numpy as np
from _timing import best_time
from sklearn.datasets import load_digits

from optnotes.manifold_training import train

RULES = ["muon", "muon-rescaled", "muon-projection", "dual", "sgd-projection", "stiefel"]
STEPS = 60


def run(rule, width):
    digits = load_digits()
    return train(digits.data / 4, digits.target, rule, lr=0.2, rng=np.random.default_rng(0), width=width, steps=STEPS)


def table(width):
    print(f"\n64 x {width} layer, {STEPS} steps: decompositions per step, seconds over Muon's (the whole step)")
    reference = None
    for rule in RULES:
        seconds, found = best_time(lambda name=rule: run(name, width))
        reference = reference or seconds
        print(f"{rule:16s}{found.svds / STEPS:6.1f}{seconds / reference:8.1f}x")


if __name__ == "__main__":
    for width in (16, 32):
        table(width)
