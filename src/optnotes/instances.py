"""Printed instances of the sources, kept as data so that chapters and tests compare like with like."""

from optnotes.steepest._instances import stiefel_8x4

__all__ = ["stiefel_8x4"]
