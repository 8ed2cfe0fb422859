"""GrowthBook's gbstats on the figures that `crowsnest grow experiment read` gives: reads a table of units, prints its own as JSON.

Absolute and relative differences of means, of ratios of sums, with what units did before taken out, and intervals that may be looked at
at any time. gbstats takes what was before out with the slope over all units, ours with the slope within variants, which an effect does not
touch: here it is given ours, so that the rest can be held to it."""

import csv
import json
import sys

from gbstats.frequentist.tests import FrequentistConfig, SequentialConfig, SequentialTwoSidedTTest, TwoSidedTTest
from gbstats.models.statistics import RatioStatistic, RegressionAdjustedStatistic, SampleMeanStatistic

ALPHA = 0.05
THETA = []


def units(path):
    found = {"a": [], "b": []}
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            found[row["variant"]].append({name: float(row[name]) for name in ("revenue", "visits", "before")})
    return [found["a"], found["b"]]


def sample(rows, name):
    values = [row[name] for row in rows]
    return SampleMeanStatistic(n=len(values), sum=sum(values), sum_squares=sum(value * value for value in values))


def products(rows, left, right):
    return sum(row[left] * row[right] for row in rows)


def ratio(rows):
    return RatioStatistic(n=len(rows), m_statistic=sample(rows, "revenue"), d_statistic=sample(rows, "visits"),
                          m_d_sum_of_products=products(rows, "revenue", "visits"))


def adjusted(rows, theta):
    return RegressionAdjustedStatistic(n=len(rows), post_statistic=sample(rows, "revenue"), pre_statistic=sample(rows, "before"),
                                       post_pre_sum_of_products=products(rows, "revenue", "before"), theta=theta)


def slope_within(both):
    """Covariance over variance, each pooled within variants."""
    covariance = variance = 0.0
    for rows in both:
        means = {name: sum(row[name] for row in rows) / len(rows) for name in ("revenue", "before")}
        covariance += sum((row["revenue"] - means["revenue"]) * (row["before"] - means["before"]) for row in rows)
        variance += sum((row["before"] - means["before"]) ** 2 for row in rows)
    return covariance / variance


def told(name, test, config):
    found = test(config).compute_result()
    return {f"{name} p": found.p_value, f"{name} low": found.ci[0], f"{name} high": found.ci[1], f"{name} expected": found.expected}


def main():
    both = units(sys.argv[1])
    planned = float(sys.argv[2])
    means = [sample(rows, "revenue") for rows in both]
    ratios = [ratio(rows) for rows in both]
    THETA.append(theta := slope_within(both))
    cuped = [adjusted(rows, theta) for rows in both]
    absolute = FrequentistConfig(difference_type="absolute", alpha=ALPHA)
    relative = FrequentistConfig(difference_type="relative", alpha=ALPHA)
    found = {}
    for name, pair in (("mean", means), ("ratio", ratios)):
        found |= told(f"{name} absolute", lambda config: two_sided(pair, config), absolute)
        found |= {key: value for key, value in told(f"{name} relative", lambda config: two_sided(pair, config), relative).items()
                  if key.endswith("expected")}
    found |= told("before absolute", lambda config: two_sided(cuped, config), absolute)
    at_any_time = SequentialConfig(difference_type="absolute", alpha=ALPHA, sequential_tuning_parameter=planned)
    found |= told("sequential absolute", lambda config: sequential(means, config), at_any_time)
    print(json.dumps({name: float(value) for name, value in found.items()}))


def two_sided(pair, config):
    test = TwoSidedTTest(*pair, config)
    for own, given in zip((test.stat_a, test.stat_b), pair):
        if isinstance(given, RegressionAdjustedStatistic):
            own.theta = THETA[0]
    return test


def sequential(pair, config):
    return SequentialTwoSidedTTest(*pair, config)


if __name__ == "__main__":
    main()
