"""Optimal learning rate against batch size for SGD, SignSGD, SoftSignSGD, Adam and Muon on a local quadratic problem.

Every law is one ratio: with update φ̃ the loss falls by η a − η² b/2 on average, a = E[φ̃]ᵀg and b = tr(E[φ̃φ̃ᵀ]H), so
η* = a/b and the largest decrease is a²/(2b). The optimisers differ in two moments of φ̃. Momentum divides the noise of
one step, at a gradient that stands still, by (1+β₁)/(1−β₁). Chapters `optimal-learning-rate`, `mean-field`,
`muon-batch-size` and `momentum-and-ema` use the module.
"""

from ._decrease import StepsAndExamples, expected_decrease, steps_and_examples
from ._optimal_rate import adam, muon, sgd, sign_sgd, soft_sign_sgd
from ._quadratic import MatrixQuadratic, Quadratic, Summary
from ._quotient import Problem
from ._surge import surge_batch_size

__all__ = [
    "MatrixQuadratic",
    "Problem",
    "Quadratic",
    "StepsAndExamples",
    "Summary",
    "adam",
    "expected_decrease",
    "muon",
    "sgd",
    "sign_sgd",
    "soft_sign_sgd",
    "steps_and_examples",
    "surge_batch_size",
]
