"""What goes wrong while the book is built: each fault happens here, to a small book, and the next run works."""

import contextlib
import ctypes
import errno
import os
import resource
import shutil
import signal
import subprocess
import time
from functools import partial

import psutil
import pytest
from nbformat.v4 import new_code_cell, new_notebook

pytestmark = pytest.mark.filterwarnings("ignore:os.fork:RuntimeWarning")  # of JAX, if a peer's test has loaded it

BUSY = "open('../busy', 'w').close()\nimport time; time.sleep(600)"
"""A cell that says that it runs, and does not end."""
STUCK = "import ctypes; open('../busy', 'w').close(); ctypes.PyDLL(None).sleep(600)"
"""A cell that lets no other thread of its kernel run, not even the one that watches the parent."""
SOON = 30
"""Seconds within which a build that is asked to stop has ended; one or two on an idle machine."""
WORDY = "print('x' * 1_500_000)"


def answers(*command):
    """Return the command when the machine lets us run others behind it."""
    try:
        status = subprocess.run([*command, "true"], capture_output=True, check=False).returncode
    except OSError:
        status = 1
    return () if status else command


def stop(book, process, number):
    """Send a signal; return the status of the build, what it said, and what it has left running."""
    family = book.family(process)
    process.send_signal(number)
    said, _ = process.communicate(timeout=SOON)
    return process.returncode, said, book.alive(family)


# Asked to stop


def test_a_build_that_is_asked_to_stop_ends_at_once_and_takes_its_kernels_along(book):
    book.write(one=["2"], two=[BUSY])
    process = book.start()
    book.wait_for("busy")
    book.wait_until(lambda: book.executed() == 2)
    assert len(book.family(process)) == 2  # the build and one kernel
    status, said, left = stop(book, process, signal.SIGTERM)
    assert (status, left, book.scraps()) == (143, [], set())
    assert "book: stopped by SIGTERM: the site is as it was" in said
    assert "Traceback" not in said
    book.write(one=["2"], two=["1"])
    status, said = book.run()
    assert (status, book.scraps()) == (0, set())
    assert "executing 0 of 2 notebooks" in said


def test_a_build_that_is_asked_to_stop_takes_what_renders_the_pages_along(book):
    (book.root / "hold").touch()
    book.write(one=["1"])
    process = book.start()
    book.wait_until(lambda: book.renders(process))
    status, said, left = stop(book, process, signal.SIGTERM)
    assert (status, left, book.scraps()) == (143, [], set())
    assert "stopped by SIGTERM" in said


# Killed


def test_kernels_of_a_killed_build_end_by_themselves_and_the_next_run_works(book):
    book.write(one=[BUSY])
    process = book.start()
    book.wait_for("busy")
    family = book.family(process)
    process.kill()
    book.wait_until(lambda: not book.alive(family), seconds=SOON)
    process.communicate(timeout=SOON)
    book.write(one=["1"])
    assert book.run()[0] == 0
    assert book.scraps() == set()


def test_a_kernel_that_outlives_a_killed_build_is_ended_by_the_next(book):
    book.write(one=[STUCK])
    process = book.start()
    book.wait_for("busy")
    time.sleep(1)  # until the cell is stuck
    _, kernel = book.family(process)
    try:
        process.kill()
        process.communicate(timeout=SOON)
        time.sleep(3)
        assert book.alive([kernel])
        book.write(one=["1"])
        status, said = book.run()
        assert (status, book.alive([kernel])) == (0, [])
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            kernel.kill()
    assert "ended 1 processes that a killed build had left" in said


def test_sphinx_and_the_renderer_end_when_the_build_is_killed(whole_book):
    whole_book.write(one=["1"])
    process = whole_book.start()
    whole_book.wait_until(lambda: whole_book.renders(process), seconds=240)
    family = whole_book.family(process)
    process.kill()
    whole_book.wait_until(lambda: not whole_book.alive(family), seconds=SOON)
    process.communicate(timeout=SOON)


def test_the_site_that_a_killed_build_had_set_aside_is_put_back(book):
    before = book.page("one")
    os.replace(book.root / "_build" / "html", book.root / "_build" / "html.old")
    (book.root / "chapters" / "one.ipynb").write_text("no notebook")
    status, said = book.run()
    assert (status, book.page("one"), book.scraps()) == (1, before, set())
    assert "one.ipynb must be a notebook, which is JSON" in said


# Cells


FAILING = {
    "killed": ["1", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)"],
    "ended": ["import os; os._exit(3)"],
    "hangs": ["1", BUSY],
    "divides": ["1 / 0"],
    "undefined": ["undefined"],
}
LIMIT = 10
"""Seconds that a cell may run here."""


@pytest.fixture(scope="module")
def failing(copied, tmp_path_factory):
    """What a build says in which most chapters fail."""
    with copied(tmp_path_factory.mktemp("failing")) as book:
        before = book.page("one")
        book.write(one=["1"], **FAILING)
        status, said = book.run("build", "--cell-timeout", str(LIMIT))
        assert (status, book.page("one"), book.scraps(), book.executed()) == (1, before, set(), 1)
    return said


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("killed, cell 3", "DeadKernelError: the kernel was killed by SIGKILL: out of memory, or from outside"),
        ("ended, cell 2", "DeadKernelError: the kernel ended by itself, with status 3"),
        ("hangs, cell 3", f"CellTimeoutError: still running after {LIMIT} s\n{BUSY}"),
        ("divides, cell 2", "ZeroDivisionError: division by zero\n1 / 0"),
        ("undefined, cell 2", "NameError: name 'undefined' is not defined\nundefined"),
    ],
)
def test_every_failing_cell_is_named_with_its_error_and_the_site_stays(failing, cell, reason):
    assert f"{cell}: {reason}" in failing
    assert "Traceback" not in failing


def test_a_kernel_that_cannot_start_is_reported(book):
    book.module("../ipykernel_launcher.py", "raise SystemExit('no launcher today')")
    book.write(one=["2"])
    status, said = book.run()
    assert status == 1
    assert "book: one: the kernel did not start: Kernel died" in said
    assert "no launcher today" in said


# The disk


def test_a_full_disk_is_named_and_nothing_is_half_written(book):
    before = book.page("one")
    book.write(one=["1"], two=[WORDY])
    limit = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (2**20, 2**20))
    status, said = book.run(preexec_fn=limit)
    assert (status, book.page("one"), book.scraps()) == (1, before, set())
    assert "book: no space left in " in said
    assert "free some and run this again; the site is as it was" in said
    assert book.run()[0] == 0
    assert book.page("two").count("x") > 1_500_000


SMALL_DISK = answers("unshare", "-rm")


@pytest.mark.parametrize("disk", ["1m", "3m"][: 2 * bool(SMALL_DISK)])
def test_a_small_disk_gets_full_while_notebooks_run_and_while_pages_are_made(book, disk):
    book.write(one=[WORDY if disk == "1m" else "1"])
    (book.root / "chapters" / "index.md").write_text("x" * 2_000_000 * (disk == "3m"))
    mount = f'mount -t tmpfs -o size={disk} none _build && "$@"; status=$?; ls _build; exit $status'
    status, said = book.run(before=(*SMALL_DISK, "sh", "-c", mount, "sh"))
    assert status == 1
    assert "(No space left on device): free some and run this again" in said
    assert ("rendering 2 pages" in said) == (disk == "3m")
    assert not {"work", "html"} & set(said.split())


def test_a_notebook_is_replaced_as_a_whole_or_not_at_all(tmp_path, monkeypatch):
    import nbformat  # noqa: PLC0415

    from book import notebooks  # noqa: PLC0415

    def half(_, part):
        part.write_text('{"cells": [')
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = tmp_path / "a.ipynb"
    notebooks.write(new_notebook(cells=[new_code_cell("1")]), path)
    before = path.read_bytes()
    monkeypatch.setattr(nbformat, "write", half)
    with pytest.raises(OSError, match="No space left"):
        notebooks.write(new_notebook(), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def bound_by_permissions():
    """Take away what lets root write anywhere."""
    if os.geteuid() == 0:
        drop, override = 24, 1  # PR_CAPBSET_DROP, CAP_DAC_OVERRIDE
        assert ctypes.CDLL(None).prctl(drop, override, 0, 0, 0) == 0


@pytest.mark.parametrize("folder", [".", "_build"])
def test_a_folder_that_cannot_be_written_is_named_with_the_remedy(book, folder):
    book.write(one=["1"])
    if folder == "_build":
        (book.root / "_build" / "lock").unlink()
    else:
        shutil.rmtree(book.root / "_build")
    (book.root / folder).chmod(0o555)
    status, said = book.run(preexec_fn=bound_by_permissions)
    assert status == 1
    assert f"book: no access to {book.root / '_build'}" in said
    assert f"(Permission denied): the build writes below {book.root}; make that folder writable, or clone" in said
    (book.root / folder).chmod(0o755)
    assert book.run()[0] == 0


# Two at once


def test_a_second_build_waits_for_the_first_and_finds_everything_done(book):
    wait = "import time, pathlib\nwhile not pathlib.Path('../go').exists(): time.sleep(0.1)"
    book.write(one=["open('../runs', 'a').write('.')", wait])
    first = book.start()
    book.wait_for("runs")
    second = book.start()
    assert second.stdout.readline() == f"book: another build (pid {first.pid}) is running; waiting for it to end\n"
    (book.root / "go").touch()
    assert "2 pages in _build/html" in first.communicate(timeout=60)[0]
    assert second.communicate(timeout=60)[0] == "book: _build/html is up to date\n"
    assert (first.returncode, second.returncode, (book.root / "runs").read_text()) == (0, 0, ".")


def test_a_build_and_a_refresh_that_wait_can_be_stopped_and_so_can_the_one_that_runs(book):
    book.write(one=[BUSY])
    first = book.start()
    book.wait_for("busy")
    second, third = book.start(), book.start("refresh")
    assert all(f"another build (pid {first.pid}) is running" in one.stdout.readline() for one in (second, third))
    assert stop(book, third, signal.SIGTERM)[0] == 143
    assert stop(book, second, signal.SIGINT)[0] == 130
    assert first.poll() is None
    status, said, left = stop(book, first, signal.SIGINT)
    assert (status, left, book.scraps()) == (130, [], set())
    assert "book: stopped by SIGINT: the site is as it was" in said


# The network


NO_NETWORK = """
import socket

_connect = socket.socket.connect


def connect(self, address):
    if self.family != socket.AF_UNIX and address[0] not in ("127.0.0.1", "::1"):
        raise OSError(f"the test allows no connection to {address[0]}")
    return _connect(self, address)


socket.socket.connect = connect
"""


def test_the_whole_build_needs_no_network(whole_book):
    (whole_book.root / "src" / "sitecustomize.py").write_text(NO_NETWORK)
    shutil.copy(whole_book.root / "src" / "sitecustomize.py", whole_book.root / "_ext")
    probe = "import socket\ntry: socket.create_connection(('192.0.2.1', 80), 1)\nexcept OSError as error: print(error)"
    whole_book.write(one=["1 + 1", probe])
    alone = answers("unshare", "-rn", "sh", "-c", 'ip link set lo up && "$@"', "sh")
    status, said = whole_book.run(before=alone)
    assert status == 0, said
    assert "book: reading 2 pages " in said
    assert "book: writing 2 pages " in said
    assert '<span class="katex">' in whole_book.page("index")
    assert "the test allows no connection to 192.0.2.1" in whole_book.page("one")
    assert whole_book.run() == (0, "book: _build/html is up to date\n")
