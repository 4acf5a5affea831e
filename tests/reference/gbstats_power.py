#!/usr/bin/env python3
"""GrowthBook's sequential test (gbstats 0.8.0) on the streams of tests/examples/peeking.rs.

    cargo run --release --package pocketune-tests --example peeking 10000 STREAMS
    tests/reference/gbstats_power.py STREAMS

Needs an environment of its own: Python 3.11, gbstats 0.8.0, numpy 1.26.4, scipy 1.17.1.
Writes gbstats_power.json: how often it claims a difference between two rates when it is
looked at after every observation, and after how many on average. The default tuning parameter
(5,000 observations) and one that fits the stream's length are both tried.

Its confidence interval is asymptotic. To look 10^7 times in reasonable time it is computed for
whole streams at once; `check` compares that formula with the library's own results.
"""

import json
import pathlib
import sys

import numpy as np
from gbstats.frequentist.tests import SequentialConfig, SequentialTwoSidedTTest
from gbstats.models.statistics import ProportionStatistic

HERE = pathlib.Path(__file__).parent
STREAMS = 2000
ALPHA = 0.05
# Observations of a fixed-sample test with a power of 80 %, as the example computes them.
FIXED = {"0": 200, "10": 775, "20": 186}


def significant(n_a, sum_a, n_b, sum_b, tuning):
    """Whether the interval for the absolute difference excludes 0, at each look."""
    with np.errstate(divide="ignore", invalid="ignore"):
        mean_a, mean_b = sum_a / n_a, sum_b / n_b
        variance_a, variance_b = mean_a * (1 - mean_a), mean_b * (1 - mean_b)
        n = n_a + n_b
        square = variance_a / n_a + variance_b / n_b
        rho2 = (-2 * np.log(ALPHA) + np.log(1 - 2 * np.log(ALPHA))) / tuning
        k = n * rho2 + 1
        width = np.sqrt(square * k / (n * rho2) * (np.log(k) - 2 * np.log(ALPHA)))
        known = (n_a > 0) & (n_b > 0) & (mean_a > 0) & (variance_a > 0) & (variance_b > 0)
        return known & (np.abs(mean_b - mean_a) > width)


def check():
    random = np.random.default_rng(1)
    for _ in range(2000):
        n_a, n_b = random.integers(2, 2000, 2)
        sum_a, sum_b = random.integers(0, n_a + 1), random.integers(0, n_b + 1)
        tuning = float(random.choice([200.0, 5000.0]))
        config = SequentialConfig(difference_type="absolute", alpha=ALPHA, sequential_tuning_parameter=tuning)
        statistics = [ProportionStatistic(n=int(n), sum=int(s)) for n, s in ((n_a, sum_a), (n_b, sum_b))]
        result = SequentialTwoSidedTTest(*statistics, config).compute_result()
        theirs = result.error_message is None and not result.ci[0] <= 0 <= result.ci[1]
        ours = bool(significant(n_a, sum_a, n_b, sum_b, tuning))
        assert ours == theirs, (n_a, sum_a, n_b, sum_b, tuning, result)


def run(path, tuning):
    data = np.fromfile(path, dtype=np.uint8).reshape(STREAMS, -1)
    ends = []
    for stream in data:
        challenger, hit = stream >> 1, stream & 1
        n_b = np.cumsum(challenger, dtype=np.float64)
        n_a = np.arange(1, len(stream) + 1) - n_b
        sum_b = np.cumsum(challenger & hit, dtype=np.float64)
        sum_a = np.cumsum((1 - challenger) & hit, dtype=np.float64)
        looks = significant(n_a, sum_a, n_b, sum_b, tuning)
        ends.append(int(np.argmax(looks)) + 1 if looks.any() else None)
    longest = data.shape[1]
    found = [end for end in ends if end is not None]
    return {
        "claims": round(len(found) / STREAMS, 4),
        "mean_observations": round(sum(end or longest for end in ends) / STREAMS, 1),
        "looks": longest,
    }


def main():
    check()
    streams = pathlib.Path(sys.argv[1])
    results = []
    for points, fixed in FIXED.items():
        for tuning in (5000.0, float(fixed)):
            row = {"difference_points": int(points), "tuning": tuning}
            results.append(row | run(streams / f"rates-{points}", tuning))
            print(results[-1])
    origin = {"package": "gbstats", "version": "0.8.0", "licence": "MIT"}
    text = json.dumps({"origin": origin, "streams": STREAMS, "results": results}, indent=1)
    (HERE / "gbstats_power.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
