"""Numerical companions of the chapters of Optimizer Notes, one module per topic.

Import the module of a topic and call its functions by their flat names, as in
`from optnotes import extremes; extremes.expected_max(4096)`.
"""

