"""What Crowd-Kit's NoisyBradleyTerry thinks of 20 annotators: crowd_kit.json.

    pip install crowd-kit==1.4.2
    python crowd_kit.py

Its model: an annotator of skill s answers by the items' scores with probability s, and else
takes the left item with a probability of its own. As released its optimiser stops in its
first steps: two terms of its gradient are neither summed nor in their places. Two results:
`released`, and `minimum`, its own loss minimised with SciPy's numerical gradient.

The comparisons are made by formula, and rust/judge/tests/reward makes the same. Nothing here
needs PyTorch, so common.py is not used.
"""

import importlib.metadata
import json
import math
import pathlib

import numpy
import pandas
from crowdkit.aggregation import NoisyBradleyTerry
from scipy.optimize import minimize
from scipy.special import expit

CROWD_KIT = "1.4.2"
ITEMS, FEATURES, ANNOTATORS, COMPARISONS = 60, 64, 20, 3000
# Spammers (about 0.5), adversaries (below) and experts (above), in per cent.
RELIABILITIES = [95, 95, 92, 90, 90, 88, 85, 85, 80, 80, 75, 70, 65, 60, 55, 50, 50, 45, 20, 10]
# Where each kind of number begins in the one sequence of hashes.
WEIGHT, FEATURE, PAIR, ANSWER = 0, 1_000, 100_000, 200_000


def hashed(index):
    """The finaliser of MurmurHash3: 32 bits that look random and depend on `index` alone."""
    value = index ^ (index >> 16)
    value = (value * 0x85EBCA6B) & 0xFFFFFFFF
    value = ((value ^ (value >> 13)) * 0xC2B2AE35) & 0xFFFFFFFF
    return value ^ (value >> 16)


def signed(index):
    """A multiple of 1/2048 from -1 to 1."""
    return ((hashed(index) >> 20) - 2048) / 2048


def score(item):
    """Sums of multiples of 2^-22: exact."""
    products = (signed(WEIGHT + f) * signed(FEATURE + item * FEATURES + f) for f in range(FEATURES))
    return 0.75 * sum(products)


def below(chance, index):
    return hashed(index) < chance * 2.0**32


def comparisons():
    """Annotator, left and right item, 1 if the left one was chosen; nobody is asked the same twice."""
    scores = [score(item) for item in range(ITEMS)]
    found, asked, index = [], set(), 0
    while len(found) < COMPARISONS:
        annotator = len(found) % ANNOTATORS
        a, b = (hashed(PAIR + 2 * index + side) % ITEMS for side in (0, 1))
        index += 1
        question = (annotator, min(a, b), max(a, b))
        if a == b or question in asked:
            continue
        asked.add(question)
        prefers_a = below(1 / (1 + math.exp(scores[b] - scores[a])), ANSWER + 2 * index)
        as_meant = below(RELIABILITIES[annotator] / 100, ANSWER + 2 * index + 1)
        found.append([annotator, a, b, int(prefers_a == as_meant)])
    return found


def released(answers):
    rows = [(annotator, a, b, a if left else b) for annotator, a, b, left in answers]
    data = pandas.DataFrame(rows, columns=["worker", "left", "right", "label"])
    skills = NoisyBradleyTerry().fit(data).skills_
    return [float(skills[annotator]) for annotator in range(ANNOTATORS)]


def minimum(answers):
    """From the same start; items are counted from 1 there."""
    annotator, a, b, left = numpy.array(answers).T
    data = numpy.stack([a, b, numpy.where(left == 1, a, b)], axis=1) + 1
    settings = NoisyBradleyTerry()
    numpy.random.seed(settings.random_state)
    start = numpy.random.rand(1 + ITEMS + 2 * ANNOTATORS)
    found = minimize(
        NoisyBradleyTerry._compute_log_likelihood,
        start,
        args=(data, annotator, ITEMS, ANNOTATORS, settings.regularization_ratio),
        method="L-BFGS-B",
        options={"maxiter": 1000, "maxfun": 10**6, "ftol": 1e-12},
    )
    return expit(found.x[-ANNOTATORS:]).tolist()


assert importlib.metadata.version("crowd-kit") == CROWD_KIT
answers = comparisons()
truth = [percent / 100 for percent in RELIABILITIES]
lines = {"crowd_kit": CROWD_KIT, "reliabilities": truth}
for name, skills in {"released": released(answers), "minimum": minimum(answers)}.items():
    correlation = float(numpy.corrcoef(skills, truth)[0, 1])
    print(f"{name}: correlation {correlation:.4f}")
    lines[name] = {"skills": [round(skill, 5) for skill in skills], "correlation": round(correlation, 5)}
# Annotator, left, right, 1 if the left one was chosen.
lines["comparisons"] = answers
body = ",\n".join(f' "{key}": {json.dumps(value, separators=(",", ":"))}' for key, value in lines.items())
path = pathlib.Path(__file__).with_suffix(".json")
path.write_text("{\n" + body + "\n}\n")
print(f"{path.name}: {path.stat().st_size} bytes")
