"""Confidence sequences and test martingales of the confseq package: confseq.json.

confseq is by Howard et al. and Waudby-Smith and Ramdas. It has no wheels, and its sources
want Python 3.10 at most, the headers of Boost.Math (here 1.74) and numpy 1:

    pip install confseq==0.0.11 numpy==1.26.4 scipy==1.15.3
"""

import importlib.metadata
import json
import pathlib
import sys

import numpy
from confseq.betting import betting_cs, betting_mart, diversified_betting_mart, hedged_cs
from confseq.boundaries import beta_binomial_log_mixture, bernoulli_confidence_interval
from confseq.predmix import predmix_empbern_twosided_cs

VERSIONS = {"confseq": "0.0.11", "numpy": "1.26.4", "scipy": "1.15.3"}
RESULT = pathlib.Path(__file__).with_name("confseq.json")
ALPHA = 0.05
TIMES = [1, 2, 5, 10, 20, 50, 100, 200, 500]
INTERVAL_TIMES = [10, 50, 100, 500]
MEANS = [0.3, 0.5, 0.6]
# Fractions of the largest bet that cannot lose everything: 14 of them.
FRACTIONS = [0.02, 0.035, 0.06, 0.1, 0.17, 0.3, 0.5, 0.8, 0.97]  # those of rust/judge/src/stats/effect.rs
# Values are whole numbers over `over`, so that both sides have the same floats.
STREAMS = {
    "coin": {"over": 1, "seed": 1, "value": lambda u: int(u < 0.72)},
    "halves": {"over": 2, "seed": 2, "value": lambda u: int(u >= 0.2) + int(u >= 0.45)},
    "squares": {"over": 1 << 20, "seed": 3, "value": lambda u: int(u * 1024) ** 2},
}
# s, v, v_opt, g, h, alpha_opt, is_one_sided.
BETA_BINOMIAL = [
    (s, v, v_opt, g, h, alpha_opt, is_one_sided)
    for s, v, v_opt, g, h, alpha_opt in [
        (0.0, 25.0, 25.0, 0.5, 0.5, 0.05),
        (12.0, 25.0, 25.0, 0.5, 0.5, 0.05),
        (-8.5, 25.0, 25.0, 0.5, 0.5, 0.05),
        (5.0, 2.5, 250.0, 0.5, 0.5, 0.01),
        (21.25, 125.0, 12.5, 0.5, 0.5, 0.05),
        (9.0, 21.0, 42.0, 0.3, 0.7, 0.05),
        (9.0, 21.0, 42.0, 0.7, 0.3, 0.05),
        (20.0, 100.0, 100.0, 1.0, 1.0, 0.05),
        (3.0, 18.0, 90.0, 0.1, 0.9, 0.1),
        (1.5, 1.0, 0.5, 0.5, 0.5, 0.05),  # v_opt below the least prior
        (0.0, 0.0, 25.0, 0.5, 0.5, 0.05),  # before the first value
    ]
    for is_one_sided in (False, True)
]
# num_successes, num_trials, alpha, t_opt, alpha_opt.
BERNOULLI = [
    (30, 100, 0.05, 100, 0.05),
    (62, 100, 0.05, 1000, 0.05),
    (62, 100, 0.01, 100, 0.05),
    (62.5, 100, 0.05, 100, 0.05),
    (7, 10, 0.05, 100, 0.05),
    (0, 20, 0.05, 100, 0.05),
    (20, 20, 0.05, 100, 0.05),
    (1, 1, 0.05, 50, 0.05),
    (5000, 9000, 0.05, 500, 0.05),
    (5000, 9000, 0.1, 5000, 0.01),
    (9, 12, 0.05, 2, 0.05),  # t_opt below the least prior
]


def stream(over, seed, value):
    """Of the generator of Numerical Recipes: state = 1664525 state + 1013904223 mod 2^32."""
    state, numerators = seed, []
    for _ in range(TIMES[-1]):
        state = (1664525 * state + 1013904223) % 2**32
        numerators.append(value(state / 2**32))
    return {"over": over, "numerators": numerators}


def at(times, values):
    return [float(values[time - 1]) for time in times]


def interval(times, bounds):
    return {"lower": at(times, bounds[0]), "upper": at(times, bounds[1])}


def empirical_bernstein(x, running):
    options = {"alpha": ALPHA, "truncation": 0.5, "running_intersection": running}
    return interval(TIMES, predmix_empbern_twosided_cs(x, **options))


def constant(fraction, most):
    """A bet of that fraction of the largest one, `most(m)`."""
    return lambda x, m: numpy.full(len(x), fraction * most(m))


def mixture(x, mean):
    """Log of the average over bets of prod(1 + fraction / mean (x - mean)). With a scale
    of 1, confseq cuts bets at 1 / mean: none is cut."""
    bets = [constant(f, lambda m: 1 / m) for f in FRACTIONS]
    wealth = diversified_betting_mart(x, mean, bets, theta=1, trunc_scale=1, m_trunc=True)
    return at(TIMES, numpy.log(wealth))


def hedged(x, mean):
    """Log of the capital of which `hedged_cs` is the inversion."""
    options = {"theta": 0.5, "convex_comb": False, "trunc_scale": 0.5, "m_trunc": True}
    return at(TIMES, numpy.log(betting_mart(x, mean, alpha=ALPHA, **options)))


def hedged_interval(x):
    return interval(INTERVAL_TIMES, hedged_cs(x, alpha=ALPHA, breaks=1000))


def mixture_interval(x):
    """Bets on both sides, half of the capital on each. A mean of 0 or 1 allows any bet,
    and means near them let wealth grow without end."""
    with numpy.errstate(divide="ignore", over="ignore"):
        bounds = betting_cs(
            x,
            lambdas_fns_positive=[constant(f, lambda m: 1 / m) for f in FRACTIONS],
            lambdas_fns_negative=[constant(f, lambda m: 1 / (1 - m)) for f in FRACTIONS],
            alpha=ALPHA,
            breaks=1000,
            running_intersection=True,
            convex_comb=True,
            trunc_scale=1,
        )
    return interval(INTERVAL_TIMES, bounds)


def lines(value, depth=0):
    """A line for each case, so that changes can be read."""
    space, end = "\n" + " " * (depth + 1), "\n" + " " * depth
    if isinstance(value, dict) and depth < 2:
        items = [f"{json.dumps(key)}: {lines(item, depth + 1)}" for key, item in value.items()]
        return "{" + space + ("," + space).join(items) + end + "}"
    if isinstance(value, list) and isinstance(value[0], (list, dict)):
        return "[" + space + ("," + space).join(lines(item, 9) for item in value) + end + "]"
    return json.dumps(value, allow_nan=False)


for package, version in VERSIONS.items():
    if importlib.metadata.version(package) != version:
        sys.exit(f"{package} {version} is wanted, not {importlib.metadata.version(package)}")
streams = {name: stream(**options) for name, options in STREAMS.items()}
values = {name: numpy.array(s["numerators"]) / s["over"] for name, s in streams.items()}
pairs = [(name, mean) for name in values for mean in MEANS]
result = {
    "origin": {"package": "confseq", "licence": "MIT", "versions": VERSIONS},
    "alpha": ALPHA,
    "streams": streams,
    "times": TIMES,
    "empirical_bernstein": {
        "truncation": 0.5,
        "cases": [
            {"stream": name, "running": running, **empirical_bernstein(x, running)}
            for name, x in values.items()
            for running in (False, True)
        ],
    },
    "mixture": {
        "fractions": FRACTIONS,
        "cases": [{"stream": s, "mean": m, "log_wealth": mixture(values[s], m)} for s, m in pairs],
    },
    "hedged": {
        "cases": [{"stream": s, "mean": m, "log_wealth": hedged(values[s], m)} for s, m in pairs],
    },
    "intervals": {
        "times": INTERVAL_TIMES,
        "breaks": 1000,
        "stream": "halves",
        "hedged": hedged_interval(values["halves"]),
        "mixture": mixture_interval(values["halves"]),
    },
    "beta_binomial": {
        "columns": ["s", "v", "v_opt", "g", "h", "alpha_opt", "is_one_sided", "log_mixture"],
        "cases": [[*case, float(beta_binomial_log_mixture(*case))] for case in BETA_BINOMIAL],
    },
    "bernoulli": {
        "columns": ["successes", "trials", "alpha", "t_opt", "alpha_opt", "lower", "upper"],
        "cases": [[*case, *bernoulli_confidence_interval(*case)] for case in BERNOULLI],
    },
}
RESULT.write_text(lines(result) + "\n")
print(f"{RESULT.name}: {RESULT.stat().st_size} bytes")
