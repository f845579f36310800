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

BUSY = "open('../busy', 'w').close()\nwhile True: pass"
"""A cell that says that it runs, and does not end."""
STUCK = "open('../busy', 'w').close()\nsum(range(10**13))"
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


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_build_that_is_asked_to_stop_ends_at_once_and_takes_its_kernels_along(book, number, status):
    book.write(one=["1"], two=[BUSY])
    process = book.start()
    book.wait_for("busy")
    book.wait_until(book.executed)
    assert len(book.family(process)) == 2  # the build and one kernel
    found, said, left = stop(book, process, number)
    assert (found, left, book.scraps()) == (status, [], set())
    assert f"book: stopped by {signal.Signals(number).name}: the site is as it was" in said
    assert "Traceback" not in said
    book.write(one=["1"], two=["2"])
    found, said = book.run()
    assert (found, book.scraps()) == (0, set())
    assert "executing 1 of 2 notebooks" in said


def test_a_build_that_is_asked_to_stop_takes_sphinx_and_the_renderer_of_formulas_along(whole_book):
    whole_book.write(one=["1"])
    process = whole_book.start()
    whole_book.wait_until(lambda: whole_book.renders(process), seconds=240)
    status, said, left = stop(whole_book, process, signal.SIGTERM)
    assert (status, left, whole_book.scraps()) == (143, [], set())
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
    time.sleep(1)  # until the sum has begun
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
    book.write(one=["1"])
    assert book.run()[0] == 0
    os.replace(book.root / "_build" / "html", book.root / "_build" / "html.old")
    book.write(one=["1 / 0"])
    assert book.run()[0] == 1
    assert book.page("one")
    assert book.scraps() == set()


# Cells


def test_a_kernel_killed_in_a_cell_is_reported_within_seconds_by_chapter_and_cell(book):
    book.write(one=["1"], two=["1", BUSY])
    process = book.start()
    book.wait_for("busy")
    book.wait_until(book.executed)
    _, kernel = book.family(process)
    kernel.kill()
    said, _ = process.communicate(timeout=SOON)
    assert process.returncode == 1
    assert "two, cell 3: DeadKernelError: the kernel was killed by SIGKILL: out of memory, or from outside" in said
    assert book.executed() == 1


def test_a_kernel_that_ends_itself_is_reported_with_its_status(book):
    book.write(one=["import os; os._exit(3)"])
    status, said = book.run()
    assert status == 1
    assert "one, cell 2: DeadKernelError: the kernel ended by itself, with status 3" in said


def test_a_kernel_that_cannot_start_is_reported(book):
    (book.root / "src" / "ipykernel_launcher.py").write_text("raise SystemExit('no launcher today')")
    book.write(one=["1"])
    status, said = book.run()
    assert status == 1
    assert "book: one: the kernel did not start: Kernel died" in said
    assert "no launcher today" in said


def test_a_hanging_cell_is_ended_and_named(book):
    book.write(one=["1"], two=["1", BUSY])
    status, said = book.run("build", "--cell-timeout", "2")
    assert status == 1
    assert f"two, cell 3: CellTimeoutError: still running after 2 s\n{BUSY}" in said
    assert "one " in said
    assert book.executed() == 1


def test_every_failing_chapter_is_named_and_the_site_stays(book):
    book.write(one=["1"], two=["2"])
    assert book.run()[0] == 0
    before = book.page("one")
    book.write(one=["1 / 0"], two=["undefined"])
    status, said = book.run()
    assert (status, book.page("one"), book.scraps()) == (1, before, set())
    assert "one, cell 2: ZeroDivisionError: division by zero\n1 / 0" in said
    assert "two, cell 2: NameError: name 'undefined' is not defined\nundefined" in said
    assert "Traceback" not in said


# The disk


def test_a_full_disk_is_named_and_nothing_is_half_written(book):
    book.write(one=["1"], two=["2"])
    assert book.run()[0] == 0
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
def test_a_small_disk_gets_full_while_notebooks_run_and_while_pages_are_made(whole_book, disk):
    (whole_book.root / "_build").mkdir()
    whole_book.write(one=[WORDY if disk == "1m" else "1"])
    mount = f'mount -t tmpfs -o size={disk} none _build && "$@"; status=$?; ls _build; exit $status'
    status, said = whole_book.run(before=(*SMALL_DISK, "sh", "-c", mount, "sh"))
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
        (book.root / folder).mkdir()
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


def test_a_build_that_waits_can_be_stopped(book):
    book.write(one=[BUSY])
    first = book.start()
    book.wait_for("busy")
    second = book.start()
    second.stdout.readline()
    assert stop(book, second, signal.SIGINT)[0] == 130
    assert first.poll() is None
    assert stop(book, first, signal.SIGTERM)[2] == []


def test_refreshing_waits_for_a_build_as_well(book):
    book.write(one=[BUSY])
    first = book.start()
    book.wait_for("busy")
    second = book.start("refresh")
    assert f"another build (pid {first.pid}) is running" in second.stdout.readline()
    assert stop(book, second, signal.SIGTERM)[0] == 143
    assert stop(book, first, signal.SIGTERM)[0] == 143


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
