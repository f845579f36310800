"""Text that the docstrings of this topic share."""

from optnotes._ground.docstrings import filler

described = filler(
    all_steps="steps : int\n    Steps in all, warm-up included, ≥ 1.",
    warmup="warmup : int\n    Steps of linear warm-up from 0, less than `steps`.",
    endless_warmup="warmup : int\n    Steps of linear warm-up from 0, ≥ 0.",
    name="name : str\n    Name of the argument, for the message of an error.",
    rate="rate : float, array of shape (steps,) or Schedule\n    Rates ≥ 0.",
    first="lr_max : float\n    First rate, ≥ 0.",
    refused="ValueError\n    If a rate is negative, there is no step, or the warm-up leaves none.",
    refused_decay="ValueError\n    If a rate or the warm-up is negative or the decay is not positive.",
)
