"""Text that the docstrings of this topic share."""

from optnotes._ground.docstrings import filler

described = filler(
    beta1="beta1 : float, in [0, 1)\n    Decay β₁ of the momentum.",
    beta1_array="beta1 : array_like, in [0, 1)\n    Decay β₁ of the momentum.",
    beta2="beta2 : float, in (0, 1)\n    Decay β₂ of the second moment.",
    snr="snr : float, ≥ 0\n    mean²/variance of one gradient coordinate.",
    below_floor=(
        'below_floor : "raise", "zero" or "nan"\n'
        "    What a value below that at SNR 0 gives: an error that names the first, SNR 0, or nan."
    ),
    refused="ValueError : an argument outside its range.",
)
