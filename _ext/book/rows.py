"""The rows of `make portability`: what each asks of the machine, and whether it applies to this one.

A row is a set of environment variables. Every one of them is checked by `book.probe` before the row runs, because
NumPy, OpenBLAS, the C library and the locale all ignore a name that they do not know.
"""

import locale
import platform
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
"""The surroundings of `make test`, from which each row departs."""
COMMA = "de_DE.UTF-8"
PLACE = "Łódź und so weiter"
"""Name of the folder of a checkout elsewhere: blanks, and letters outside ASCII."""


@dataclass(frozen=True)
class Row:
    """One surrounding of the suite: variables beside those of `make test`, and whether the checkout lies elsewhere.

    Empty `machines` or `systems` stand for all.
    """

    name: str
    what: str
    variables: Mapping[str, str] = field(default_factory=dict)
    machines: tuple[str, ...] = ()
    systems: tuple[str, ...] = ()
    elsewhere: bool = False

    def environment(self) -> dict[str, str]:
        """Return the variables that the row sets."""
        return {**ONE_THREAD, **self.variables}

    def inapplicable(self, machine: str = "", system: str = "") -> str:
        """Return why the row says nothing on this machine, or an empty text when it applies."""
        machine = (machine or platform.machine()).lower().replace("amd64", "x86_64")
        system = (system or platform.system()).lower()
        for here, made_for in ((machine, self.machines), (system, self.systems)):
            if made_for and here not in made_for:
                return f"it is made for {' and '.join(made_for)}, and this is {here}"
        return ""


X86 = ("x86_64",)
POSIX = ("linux", "darwin")
ROWS = {
    row.name: row
    for row in (
        Row("native", "this processor, one thread"),
        Row(
            "haswell",
            "kernels without AVX-512",
            {"OPENBLAS_CORETYPE": "Haswell", "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR"},
            X86,
        ),
        Row(
            "nehalem",
            "kernels without AVX and FMA, the C library's included",
            {
                "OPENBLAS_CORETYPE": "Nehalem",
                "NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4 AVX512_ICL AVX512_SPR",
                "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-FMA,-AVX2_Usable,-FMA_Usable",  # second pair: before 2.33
            },
            X86,
        ),
        Row("threads", "two BLAS threads", {"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"}),
        Row("jitter", "last places moved as a processor might that nobody here has", {"BOOK_JITTER": "1"}),
        Row(
            "elsewhere",
            "decimal comma, Kathmandu, another hash seed, folder and path",
            {"LC_ALL": COMMA, "TZ": "NPT-5:45", "PYTHONHASHSEED": "1"},
            systems=POSIX,
            elsewhere=True,
        ),
        Row(
            "c-locale",
            "locale C, a third hash seed, folder and path",
            {"LC_ALL": "C", "TZ": "HST10", "PYTHONHASHSEED": "20261"},
            systems=POSIX,
            elsewhere=True,
        ),
    )
}


def locale_folder(name: str, scratch: Path) -> dict[str, str]:
    """Return the variables under which the locale `name` exists; build it in `scratch` where it is not installed.

    The locale of this process is left as it was. Where `localedef` cannot build it, the probe will report that the
    locale is missing, so nothing is said here.
    """
    before = locale.setlocale(locale.LC_NUMERIC)
    try:
        locale.setlocale(locale.LC_NUMERIC, name)
    except locale.Error:
        pass
    else:
        return {}
    finally:
        locale.setlocale(locale.LC_NUMERIC, before)
    if (tool := shutil.which("localedef")) is None:
        return {}
    language, charset = name.split(".")
    subprocess.run([tool, "-i", language, "-f", charset, str(scratch / name)], check=False, capture_output=True)
    return {"LOCPATH": str(scratch)}
