"""Text that the docstrings of this topic share."""

from optnotes._ground.docstrings import filler

described = filler(
    batch_size="batch_size : array_like, > 0\n    Batch size B in examples.",
    options="**options\n    Keyword arguments of the optimiser's function, as beta1 or method.",
    method='method : "mean-field" or "exact"\n    How the two moments are taken.',
    optimizer='optimizer : "sgd", "sign-sgd", "soft-sign-sgd", "adam" or "muon"\n    Whose update is taken.',
    problem="problem : Quadratic, Summary or MatrixQuadratic\n    As the optimiser takes it.",
    rate="float or array of the shape of batch_size, unit weights.",
    refused="ValueError : an argument outside its range. TypeError : a problem of the wrong kind.",
)
