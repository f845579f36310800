"""What the final weights remember of each batch and of the initialisation.

Decoupled weight decay makes the weights a weighted sum of past updates,
θ_T = Π(1 − λ_iη_i) θ_0 − Σ_i η_i Π_{j>i}(1 − λ_jη_j) u_i. The functions compute the weights of that sum, summarise
them, and solve for the schedules that make them all equal. The chapter on the memory of weight decay uses them.
"""

from ._balanced import balanced_lr, balanced_lr_and_decay
from ._design import balanced_design, decay_for_memory
from ._weights import batch_weights, effective_batches, forgotten_fraction, initial_weight, memory_steps

__all__ = [
    "balanced_design",
    "balanced_lr",
    "balanced_lr_and_decay",
    "batch_weights",
    "decay_for_memory",
    "effective_batches",
    "forgotten_fraction",
    "initial_weight",
    "memory_steps",
]
