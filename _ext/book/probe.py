"""What the machine shows under a row's environment: `python -m book.probe` prints it, `complaints` judges it."""

import hashlib
import json
import locale
import math
import os
import platform
import re
import struct
import sys
import time
import warnings
from collections.abc import Mapping
from typing import Any

Sight = dict[str, Any]
"""What `python -m book.probe` prints."""

FUNCTIONS = ("exp", "expm1", "log1p", "sin", "tan", "atan", "erf", "lgamma")


def seen() -> Sight:
    """Return what this interpreter shows: processor features, BLAS, locale, time zone, arithmetic."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        import numpy as np  # noqa: PLC0415 - its warnings while it loads are what is asked for
        import scipy.linalg  # noqa: PLC0415, F401 - brings a BLAS of its own
    from numpy._core import _multiarray_umath  # type: ignore[attr-defined]  # noqa: PLC0415
    from threadpoolctl import threadpool_info  # noqa: PLC0415

    import optnotes  # noqa: PLC0415

    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    keys = ("internal_api", "version", "architecture", "num_threads")
    return {
        "python": sys.version.split()[0],
        "numpy": np.__version__,
        "dispatch": list(_multiarray_umath.__cpu_dispatch__),
        "features": sorted(name for name, there in _multiarray_umath.__cpu_features__.items() if there),
        "warnings": [str(warning.message) for warning in caught],
        "blas": [{key: pool.get(key) for key in keys} for pool in pools],
        "libc": platform.libc_ver()[0],
        "libm": _libm(),
        "elementary": _digest(_elementary(np)),
        "linear algebra": _digest(_linear_algebra(np)),
        "locale": _locale(),
        "decimal_point": locale.localeconv()["decimal_point"],
        "seconds_west": time.timezone,
        "hash": hash("Optimizer Notes"),
        "package": optnotes.__file__,
        "folder": os.getcwd(),
    }


def complaints(variables: Mapping[str, str], sight: Sight, native: Sight) -> list[str]:
    """Return what a row asks for and the machine does not show, one sentence each.

    Parameters
    ----------
    variables
        The environment variables of the row.
    sight, native
        What `seen` returned under the row, and without it.
    """
    found = [f"NumPy warns: {text}" for text in sight["warnings"] if "CPU" in text]
    for name in variables.get("NPY_DISABLE_CPU_FEATURES", "").replace(",", " ").split():
        if name not in sight["dispatch"]:
            known = " ".join(sight["dispatch"]) or "none"
            found.append(f"NumPy {sight['numpy']} knows no feature {name} to disable; it dispatches on: {known}")
        elif name in sight["features"]:
            found.append(f"NumPy {sight['numpy']} still uses {name}")
    open_blas = [pool for pool in sight["blas"] if pool["internal_api"] == "openblas"]
    if core := variables.get("OPENBLAS_CORETYPE"):
        found += [] if open_blas else ["no OpenBLAS is loaded, so OPENBLAS_CORETYPE says nothing"]
        for pool in open_blas:
            if (shown := str(pool["architecture"])).lower() != core.lower():
                found.append(f"OpenBLAS {pool['version']} runs {shown}, not {core}: it does not know or cannot run it")
    if (wanted := variables.get("OPENBLAS_NUM_THREADS")) and wanted != "1":
        found += [] if open_blas else ["no OpenBLAS is loaded, so OPENBLAS_NUM_THREADS says nothing"]
        for pool in open_blas:
            if pool["num_threads"] != int(wanted):
                found.append(f"OpenBLAS {pool['version']} uses {pool['num_threads']} threads, not {wanted}")
    tuned = "GLIBC_TUNABLES" in variables and sight["libc"] == "glibc" and "FMA3" in native["features"]
    if tuned and sight["libm"] == native["libm"]:
        found.append("the C library computes as before: it does not know the names in GLIBC_TUNABLES")
    if "BOOK_JITTER" in variables:
        still = [part for part in ("elementary", "linear algebra") if sight[part] == native[part]]
        found += [f"the last places of {part} do not move" for part in still]
    return [*found, *_surroundings(variables, sight, native)]


def differs(sight: Sight, native: Sight) -> list[str]:
    """Return which parts of the arithmetic round differently than without the row."""
    return [part for part in ("libm", "elementary", "linear algebra") if sight[part] != native[part]]


def _surroundings(variables: Mapping[str, str], sight: Sight, native: Sight) -> list[str]:
    found = []
    if name := variables.get("LC_ALL"):
        point = "." if name == "C" else ","
        if sight["locale"] != name or sight["decimal_point"] != point:
            found.append(
                f"the locale is {sight['locale']!r} with {sight['decimal_point']!r}, not {name} with {point!r}: "
                "install it, or `localedef` and the sources of locales (package `locales`)"
            )
    if zone := re.fullmatch(r"[A-Z]+(-?)(\d+)(?::(\d+))?", variables.get("TZ", "")):
        sign, hours, minutes = zone.groups()
        west = (int(hours) * 3600 + int(minutes or 0) * 60) * (-1 if sign else 1)
        if sight["seconds_west"] != west:
            found.append(f"the clock runs {sight['seconds_west']} s west of Greenwich, not {west} s")
    if variables.get("PYTHONHASHSEED", "0") != "0" and sight["hash"] == native["hash"]:
        found.append("hashes of texts are the same as without another PYTHONHASHSEED")
    return found


def _locale() -> str:
    try:
        return locale.setlocale(locale.LC_ALL, "")
    except locale.Error as error:
        return f"none: {error}"


def _libm() -> str:
    points = [position / 997.0 + 0.01 for position in range(20000)]
    values = [getattr(math, function)(point) for function in FUNCTIONS for point in points]
    return hashlib.sha256(struct.pack(f"{len(values)}d", *values)).hexdigest()[:16]


def _elementary(np: Any) -> Any:
    points = np.linspace(0.01, 20.0, 20001)
    return np.concatenate([np.exp(points), np.log(points), np.sin(points), np.tanh(points), [points.sum()]])


def _linear_algebra(np: Any) -> Any:
    matrix = np.random.default_rng(0).standard_normal((300, 300))
    return np.concatenate([(matrix @ matrix).ravel(), np.linalg.svd(matrix, compute_uv=False)])


def _digest(array: Any) -> str:
    return hashlib.sha256(array.tobytes()).hexdigest()[:16]


if __name__ == "__main__":
    print(json.dumps(seen()))
