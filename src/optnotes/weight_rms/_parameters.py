"""Text that the docstrings of this topic share."""

from optnotes._ground.docstrings import filler

described = filler(
    init_rms="init_rms : float\n    RMS of the initial weights, 0 to 1e150, independent of the gradients.",
    course=(
        "lr : float, array of shape (steps,) or Schedule\n"
        "    Learning rate η(t) ≥ 0; the rate of an array at step t holds from t − 1 to t."
    ),
    times="t : float or array\n    Times, 0 ≤ t ≤ the steps of the schedule or the array.",
    snr="snr : float\n    Signal-to-noise ratio ‖μ‖²/‖σ‖² ≥ 0 of the gradients; μ is orthogonal to θ_0.",
    path="ndarray of shape (steps + 1,)\n    √ρ_0, …, √ρ_steps; the first entry is `init_rms`.",
    refused=(
        "ValueError\n    If a rate is negative, some η_tλ_t ≥ 1, there is no step, or a number is out of its range."
    ),
    refused_times="ValueError\n    If a number is negative or a time lies outside the schedule.",
)
