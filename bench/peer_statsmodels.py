"""statsmodels on the figures that `crowsnest grow experiment` gives: writes a table of units, prints its own figures as JSON."""

import json
import random
import sys

from scipy.stats import chisquare
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import NormalIndPower, TTestIndPower
from statsmodels.stats.proportion import proportion_effectsize
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

draw = random.Random(3)
units = {"a": [], "b": []}
with open(sys.argv[1], "w") as file:
    file.write("variant,revenue,visits,before\n")
    for at in range(4000):
        variant = "ab"[draw.random() < 0.5] if at > 1 else "ab"[at]
        revenue, visits = draw.lognormvariate(1 + 0.05 * (variant == "b"), 1), draw.randrange(9)
        units[variant].append((revenue, visits))
        file.write(f"{variant},{revenue!r},{visits},{0.5 * revenue + draw.gauss(2, 1)!r}\n")
found = {
    "units for shares": NormalIndPower().solve_power(proportion_effectsize(0.055, 0.05), alpha=0.05, power=0.8),
    "units for means": TTestIndPower().solve_power(0.3, alpha=0.05, power=0.9, ratio=2),
    "power for means": TTestIndPower().power(0.5, 12, 0.05),
    "sample ratio p": chisquare([len(own) for own in units.values()]).pvalue,
}
p = []
for at, metric in enumerate(("revenue", "visits")):
    compared = CompareMeans(DescrStatsW([own[at] for own in units["b"]]), DescrStatsW([own[at] for own in units["a"]]))
    low, high = compared.tconfint_diff(usevar="unequal")
    p.append(compared.ttest_ind(usevar="unequal")[1])
    found |= {f"{metric} difference": compared.d1.mean - compared.d2.mean, f"{metric} low": low, f"{metric} high": high, f"{metric} p": p[-1]}
for metric, adjusted in zip(("revenue", "visits"), multipletests(p, method="fdr_bh")[1]):
    found[f"{metric} adjusted_p"] = adjusted
print(json.dumps({name: float(value) for name, value in found.items()}))
