"""Start-up file of Python for runs on a processor that nobody has; see `book.jitter`."""

import os

if seed := os.environ.get("BOOK_JITTER"):
    from book.jitter import install

    install(int(seed))
