#!/usr/bin/env python3
"""Makes anew what the test of our gradient boosting is held to: points, and LightGBM's probabilities of those held out.

    python -m venv /tmp/lightgbm && /tmp/lightgbm/bin/pip install lightgbm==4.7.0 numpy
    /tmp/lightgbm/bin/python bench/lightgbm_figures.py

Six columns of few different values, so that both sides' bins are the same, one of them with gaps; the class follows from
four of them, with some noise. The settings are those of the matcher with 100 trees and nothing sampled; leaves are
bounded by their weight alone, because LightGBM does not count a leaf's rows but guesses them from the weight.
"""

from pathlib import Path

import lightgbm
import numpy

OUT = Path(__file__).resolve().parent.parent / "crates/learn/tests/cases/lightgbm_points.csv"
SETTINGS = {
    "objective": "binary", "learning_rate": 0.05, "num_leaves": 15, "min_data_in_leaf": 1, "min_sum_hessian_in_leaf": 1.0,
    "lambda_l2": 1.0, "max_bin": 63, "min_data_in_bin": 1, "feature_pre_filter": False, "enable_bundle": False,
    "verbose": -1, "num_threads": 1, "seed": 1, "deterministic": True,
}


def main():
    random = numpy.random.default_rng(1)
    points = random.integers(0, 40, size=(1200, 6)) / 8
    points[random.random(1200) < 0.2, 3] = numpy.nan
    first, second, third, gaps = points[:, 0], points[:, 1], points[:, 2], points[:, 3]
    strength = first * second / 2 - 3 + (third > 2.5) * 2 + numpy.where(numpy.isnan(gaps), -2, gaps / 2 - 1)
    classes = (random.random(1200) < 1 / (1 + numpy.exp(-strength))).astype(int)
    learned = slice(0, 800)
    model = lightgbm.train(SETTINGS, lightgbm.Dataset(points[learned], classes[learned]), 100)
    theirs = model.predict(points)
    with open(OUT, "w") as out:
        out.write("a,b,c,d,e,f,class,lightgbm\n")
        for row, (point, kind) in enumerate(zip(points, classes)):
            cells = ["" if numpy.isnan(value) else f"{value:g}" for value in point]
            out.write(",".join([*cells, str(kind), f"{theirs[row]:.6f}" if row >= 800 else ""]) + "\n")


if __name__ == "__main__":
    main()
