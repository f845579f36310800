"""The timer that the benchmarks share."""

import time


def best_time(call, repeats=3):
    """Return the shortest time of `repeats` calls in seconds, and the last value."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        value = call()
        times.append(time.perf_counter() - start)
    return min(times), value
