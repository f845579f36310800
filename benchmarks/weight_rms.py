"""Time and accuracy of the weight RMS against a plain loop, an adaptive ODE solver and a direct sum, in one run.

python benchmarks/weight_rms.py
"""

import numpy as np
from _timing import best_time
from scipy.integrate import solve_ivp

from optnotes import memory, schedules, weight_rms

STEPS, PEAK, DECAY, BETA1 = 10**6, 1e-3, 0.01, 0.9


def main():
    schedule = schedules.linear(PEAK, STEPS)
    rates = schedules.per_step("lr", schedule, STEPS)
    fast, exact = best_time(lambda: weight_rms.adamw(schedule, DECAY, STEPS))
    slow, looped = best_time(lambda: loop(rates), repeats=1)
    row("adamw, exact recursion", fast, exact[-1], exact[-1])
    row("  Python loop over the steps", slow, looped, exact[-1], fast)
    for method in ("slow", "ode", "closed-form"):
        seconds, value = best_time(lambda m=method: weight_rms.adamw(schedule, DECAY, STEPS, method=m)[-1])
        row(f"  adamw, {method}", seconds, value, exact[-1], fast)

    closed, solution = best_time(lambda: weight_rms.ode_solution(schedule, DECAY, STEPS))
    seconds, value = best_time(solver)
    row("ode_solution at one time", closed, solution, solution)
    row("  scipy solve_ivp (DOP853, 1e-12)", seconds, value, solution, closed)

    fast, exact = best_time(lambda: weight_rms.sign_momentum(schedule, DECAY, STEPS))
    row("sign_momentum, exact recursion", fast, exact[-1], exact[-1])

    fast, exact = best_time(lambda: weight_rms.stationary(PEAK, 1e-3, "sign-momentum", 0.999, method="exact"))
    seconds, value = best_time(lambda: direct(0.999, PEAK * 1e-3))
    row("stationary sign, β₁ = 0.999", fast, exact, exact)
    row("  direct sum over the lags", seconds, value, exact, fast)
    for beta2 in (0.95, 0.999):
        seconds, value = best_time(lambda b=beta2: weight_rms.stationary(PEAK, 0.1, beta2=b, method="exact"), repeats=1)
        row(f"stationary adamw, β₂ = {beta2}", seconds, value, value)

    seconds, weights = best_time(lambda: memory.batch_weights(schedule, DECAY, STEPS, BETA1))
    row("batch_weights", seconds, weights.sum(), 1.0)
    seconds, _ = best_time(lambda: memory.balanced_lr_and_decay(PEAK, DECAY, STEPS))
    row("balanced_lr_and_decay", seconds, 1.0, 1.0)


def row(name, seconds, value, reference, unit=None):
    ratio = f"{seconds / unit:10.2f}x" if unit else " " * 11
    print(f"{name:34s} {1e3 * seconds:10.3f} ms {ratio}  relative difference {abs(value / reference - 1):.1e}")


def loop(rates):
    noise, overlap, square, ramp = (1 - BETA1) / (1 + BETA1), 0.0, 0.0, 1.0
    for rate in rates.tolist():
        ramp *= BETA1**2
        kept, variance = 1 - DECAY * rate, noise * (1 - ramp)
        square = kept * kept * square + 2 * kept * rate * BETA1 * overlap + rate * rate * variance
        overlap = kept * BETA1 * overlap + rate * variance
    return square**0.5


def solver():
    slope = PEAK / STEPS

    def change(t, square):
        rate = PEAK - slope * t
        return -2 * DECAY * rate * square + rate**2

    answer = solve_ivp(change, (0, STEPS), [0.0], method="DOP853", rtol=1e-12, atol=1e-30)
    return answer.y[0, -1] ** 0.5


def direct(beta1, decay):
    lags = np.arange(1, 40_000)
    total = 1 + 2 * np.sum((1 - decay) ** lags * 2 / np.pi * np.arcsin(beta1**lags))
    return PEAK * np.sqrt(total / (decay * (2 - decay)))


if __name__ == "__main__":
    main()
