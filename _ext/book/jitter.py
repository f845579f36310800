"""A processor that nobody has: whatever another machine may round differently moves by a few units in the last place.

Processors differ in the kernels that NumPy and SciPy choose on them: exponentials and other functions of libraries,
the order in which a product of matrices is summed, the rounding inside decompositions, the signs of singular vectors.
Additions, multiplications, divisions and square roots are the same on all of them, and so stay here.

The runs need no change of code, only of the environment: `BOOK_JITTER` is the seed, a whole number, and `PYTHONPATH`
begins with `_ext/startup` and `_ext`; the start-up file there calls `install`. Without `BOOK_JITTER` nothing happens.

    BOOK_JITTER=1 PYTHONPATH=$PWD/_ext/startup:$PWD/_ext:$PWD/src python -m pytest --nbval … chapters/mean-field.ipynb

Products and powers are written as operators, which nobody can replace on arrays: in the package `optnotes` and in the
cells of notebooks they are rewritten while the code is compiled.
"""

import ast
import builtins
import functools
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType, ModuleType
from typing import Any

import numpy as np
import scipy.linalg
import scipy.signal
import scipy.special
from IPython.core.compilerop import CachingCompiler
from numpy.typing import NDArray

ULPS = 4
"""Largest move of a function's value, in units of the last place of 1: what vectorised libraries allow themselves."""
BACKWARD_ULPS = 2
"""Largest move of a matrix's entry before it is decomposed, in units of the last place of its largest entry."""
PACKAGE = "optnotes"
EXACT_POWERS = (-1, 0, 0.5, 1, 2)
"""Exponents for which NumPy divides, multiplies or takes a square root, which every processor rounds alike."""

FUNCTIONS = (
    "exp exp2 expm1 log log2 log10 log1p sin cos tan arcsin arccos arctan arctan2 sinh cosh tanh arcsinh arccosh "
    "arctanh power float_power hypot cbrt logaddexp sinc"
)
PRODUCTS = "dot matmul inner vdot tensordot convolve"
FACTORED = {
    np.linalg: "svd svdvals eigh eigvalsh eig eigvals qr solve inv det slogdet lstsq cholesky pinv",
    scipy.linalg: "svd svdvals eigh eigvalsh eig eigvals qr solve inv det lstsq cholesky pinv lu_factor expm sqrtm "
    "eigh_tridiagonal eigvalsh_tridiagonal solve_continuous_lyapunov solve_sylvester",
}
ENTRYWISE = {"qr", "solve", "inv", "det", "slogdet", "lstsq", "cholesky", "pinv", "lu_factor"}
"""Decompositions that see each entry at its own scale; the others round relative to the largest entry."""
TWO_MATRICES = {"eigh_tridiagonal", "eigvalsh_tridiagonal", "solve_continuous_lyapunov", "solve_sylvester"}
SIGNED = {"svd", "eigh"}
"""Decompositions into vectors whose signs no equation fixes."""
UFUNC_METHODS = ("outer", "reduce", "accumulate")

Array = NDArray[Any]


def install(seed: int) -> None:
    """Move the results of NumPy and SciPy from now on, and those of operators in code that is compiled from now on."""
    noise = Noise(seed)
    for name in FUNCTIONS.split():
        setattr(np, name, noise.after(getattr(np, name)))
    for name in [name for name, value in vars(scipy.special).items() if isinstance(value, np.ufunc)]:
        setattr(scipy.special, name, noise.after(getattr(scipy.special, name)))
    for module, names in FACTORED.items():
        for name in names.split():
            setattr(module, name, noise.before(getattr(module, name)))
    for name in PRODUCTS.split():
        setattr(np, name, noise.product(getattr(np, name)))
    np.einsum = noise.einsum(np.einsum)
    np.linalg.norm, scipy.signal.lfilter = noise.after(np.linalg.norm), noise.after(scipy.signal.lfilter)
    vars(builtins).update({_MATMUL: np.matmul, _POWER: noise.power})
    sys.meta_path.insert(0, _Finder())
    _rewrite_cells()


class Noise:
    """Moves of last places: a processor is a function, so the same numbers always move alike."""

    def __init__(self, seed: int) -> None:
        self.key = np.random.default_rng(seed).integers(2**64, dtype=np.uint64)

    def moved(self, value: Any, ulps: int = ULPS) -> Any:
        """Return a result with each number moved; what is no floating-point number stays as it is.

        So do whole numbers, which libraries hit exactly (e⁰, Γ(5), a saturated tanh), and no value crosses one.
        """
        if isinstance(value, tuple):
            return tuple(self.moved(part, ulps) for part in value)
        if not _is_inexact(value):
            return value
        array = np.asarray(value)
        if np.iscomplexobj(array):
            return (self.moved(array.real, ulps) + 1j * self.moved(array.imag, ulps))[()]
        with np.errstate(all="ignore"):
            steps = np.floor((self._drawn(array) + 1) / 2 * (2 * ulps + 1)) - ulps
            other = array * (1 + steps * np.finfo(array.dtype).eps).astype(array.dtype)
            whole = (array == np.rint(array)) & (np.abs(array) < 1e6)
            result = np.where(whole | (np.floor(other) != np.floor(array)), array, other)[()]
        return float(result) if type(value) is float else result

    def perturbed(self, matrix: Any, entrywise: bool) -> Any:
        """Return a matrix (or a stack) with its nonzero entries moved; a symmetric one stays symmetric."""
        array = np.asarray(matrix)
        if not np.issubdtype(array.dtype, np.inexact) or not array.size:
            return matrix
        axes = tuple(range(array.ndim))[-2:]
        scale = np.abs(array) if entrywise else np.abs(array).max(axis=axes, keepdims=True) * (array != 0)
        return self._shifted(array, scale * np.finfo(array.dtype).eps * BACKWARD_ULPS)

    def after(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function with its results moved; calls with a mask stay exact."""

        @functools.wraps(function)
        def wrapped(*args: Any, **options: Any) -> Any:
            value = function(*args, **options)
            if "where" in options:
                return value
            if options.get("out") is None:
                return self.moved(value)
            value[...] = self.moved(value)
            return value

        if isinstance(function, np.ufunc):
            for method in UFUNC_METHODS:
                setattr(wrapped, method, self.after(getattr(function, method)))
        return wrapped

    def before(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the decomposition of the moved matrix: what a backward stable algorithm may return."""
        name = function.__name__
        matrices = 2 if name in TWO_MATRICES else 1

        @functools.wraps(function)
        def wrapped(*args: Any, **options: Any) -> Any:
            moved = [self.perturbed(matrix, name in ENTRYWISE) for matrix in args[:matrices]]
            value = function(*moved, *args[matrices:], **options)
            return self._signed(value) if name in SIGNED and isinstance(value, tuple) else value

        return wrapped

    def product(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the product with the rounding of another order of its sums; whole numbers add up exactly."""

        @functools.wraps(function)
        def wrapped(a: Any, b: Any, *args: Any, **options: Any) -> Any:
            value = function(a, b, *args, **options)
            if not _is_inexact(value) or options or (_is_whole(a) and _is_whole(b)):
                return value
            return self._rounded(value, function(np.abs(a), np.abs(b), *args))

        return wrapped

    def einsum(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return `einsum` with the rounding of another order of its sums."""

        @functools.wraps(function)
        def wrapped(subscripts: Any, *operands: Any, **options: Any) -> Any:
            value = function(subscripts, *operands, **options)
            if not _is_inexact(value) or not isinstance(subscripts, str) or all(map(_is_whole, operands)):
                return value
            return self._rounded(value, function(subscripts, *map(np.abs, operands)))

        return wrapped

    def power(self, base: Any, exponent: Any) -> Any:
        """Return base ** exponent, moved where a library computes it."""
        value = base**exponent
        simple = np.ndim(exponent) == 0 and any(exponent is power or exponent == power for power in EXACT_POWERS)
        return value if not _is_inexact(value) or simple else self.moved(value)

    def _rounded(self, value: Any, magnitude: Any) -> Any:
        array = np.asarray(value)
        return self._shifted(array, magnitude * np.finfo(array.dtype).eps * BACKWARD_ULPS)[()]

    def _shifted(self, array: Array, scale: Any) -> Array:
        """Return the array with each number moved by up to `scale`."""
        shifted: Array = (array + self._drawn(array) * scale).astype(array.dtype)
        return shifted

    def _drawn(self, array: Array) -> Array:
        """Return one number in [−1, 1) for each, a hash of its bits and of the seed (the finaliser of MurmurHash3)."""
        bits = np.ascontiguousarray(array.real + array.imag, dtype=np.float64).view(np.uint64) ^ self.key
        for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
            bits = (bits ^ (bits >> np.uint64(33))) * np.uint64(factor)
        uniform = ((bits ^ (bits >> np.uint64(33))) >> np.uint64(11)).astype(np.float64) * 2.0**-52 - 1
        return uniform.reshape(array.shape)

    def _signed(self, factors: Any) -> Any:
        """Turn the signs of singular vectors in pairs, or of eigenvectors."""
        if len(factors) == 2:
            values, vectors = factors
            return _remade(factors, (values, vectors * np.sign(self._drawn(values))[..., None, :]))
        left, values, right = (np.array(factor) for factor in factors)
        signs = np.sign(self._drawn(values))
        left[..., :, : values.shape[-1]] *= signs[..., None, :]
        right[..., : values.shape[-1], :] *= signs[..., :, None]
        return _remade(factors, (left, values, right))


class _Operators(ast.NodeTransformer):
    """Rewrites a @ b and a ** b, also in place, into calls."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        """Rewrite one operator and those inside its operands."""
        self.generic_visit(node)
        name = _NAMES.get(type(node.op))
        return ast.copy_location(_call(name, node.left, node.right), node) if name else node

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        """Rewrite x @= b and x **= b as assignments."""
        self.generic_visit(node)
        name = _NAMES.get(type(node.op))
        if not name or not isinstance(node.target, ast.Name):
            return node
        value = _call(name, ast.Name(node.target.id, ast.Load()), node.value)
        return ast.copy_location(ast.Assign([node.target], value), node)


class _Finder(PathFinder):
    """Finds the modules of the package and has them compiled with rewritten operators."""

    @classmethod
    def find_spec(
        cls, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return where a module of the package is; the others are for the finders that follow."""
        spec = super().find_spec(fullname, path, target) if f"{fullname}.".startswith(f"{PACKAGE}.") else None
        if spec and type(spec.loader) is SourceFileLoader:
            spec.loader = _Loader(fullname, spec.loader.path)
        return spec


class _Loader(SourceFileLoader):
    """Compiles from source, beside the cache."""

    def get_code(self, fullname: str) -> CodeType:
        """Return the rewritten module."""
        path = self.get_filename(fullname)
        return compile(rewritten(ast.parse(self.get_data(path), path)), path, "exec", dont_inherit=True)


def rewritten(tree: ast.AST) -> Any:
    """Return the code with its products of matrices and its powers turned into calls that move their results."""
    return ast.fix_missing_locations(_Operators().visit(tree))


def _rewrite_cells() -> None:
    parse = CachingCompiler.ast_parse
    CachingCompiler.ast_parse = lambda *args, **options: rewritten(parse(*args, **options))  # type: ignore[method-assign]


_MATMUL, _POWER = "__jitter_matmul__", "__jitter_power__"
_NAMES: dict[type[ast.operator], str] = {ast.MatMult: _MATMUL, ast.Pow: _POWER}


def _call(name: str, *arguments: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(name, ast.Load()), list(arguments), [])


def _remade(old: Any, parts: tuple[Any, ...]) -> Any:
    return old._make(parts) if hasattr(old, "_make") else parts


def _is_inexact(value: Any) -> bool:
    plain = type(value) in (float, complex, np.ndarray) or isinstance(value, np.generic)
    return plain and np.issubdtype(np.asarray(value).dtype, np.inexact)


def _is_whole(value: Any) -> bool:
    array = np.asarray(value)
    return not np.issubdtype(array.dtype, np.inexact) or bool((array == np.rint(array)).all())
