"""What the build refuses or fails at, told to its reader."""


class BookError(RuntimeError):
    """The message says what is wrong and where, and needs no traceback."""
