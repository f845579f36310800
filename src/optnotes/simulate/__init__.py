"""Simulate optimisers with decoupled weight decay on iid Gaussian gradients, with standard errors.

SGDM, SignSGDM, Adam and Muon share one loop: θ_t = (1−η_tλ_t)θ_{t−1} − η_t u_t. The chapters use it as the last and
independent voice. Every block is a run of its own, so the spread of the blocks gives honest standard errors.
"""

from ._estimates import Estimate, Simulation
from ._run import run
from ._trajectory import trajectory

__all__ = ["Estimate", "Simulation", "run", "trajectory"]
