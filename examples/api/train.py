"""Fits a line by stochastic gradient descent; its parameters come through the trial API."""

import random

import nni

STEPS = 200


def main():
    """Reports the error of the fit, which is to be minimised, as a negative number."""
    params = nni.get_next_parameter() or {"lr": 0.01, "batch_size": 16}
    generator = random.Random(0)
    slope, offset, error = 0.0, 0.0, 0.0
    for step in range(STEPS):
        rows = [generator.uniform(-1, 1) for _ in range(params["batch_size"])]
        errors = [slope * x + offset - (3 * x - 1) for x in rows]
        slope -= params["lr"] * sum(e * x for e, x in zip(errors, rows, strict=True)) / len(rows)
        offset -= params["lr"] * sum(errors) / len(rows)
        error = sum(e * e for e in errors) / len(errors)
        if step % 50 == 0:
            nni.report_intermediate_result(-error)
    nni.report_final_result(-error)


if __name__ == "__main__":
    main()
