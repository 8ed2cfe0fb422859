"""Ways of dividing a budget, by the true curves of made-up firms: how much each loses, and its seconds of CPU (decision 36).

    bench/.venv-growing/bin/python bench/budget_solvers.py --firms 24 --share 0.25

Lost: by how much the outcome is below the best that any way found, descent from where the others ended among them."""

import argparse
import statistics
import time

import numpy
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp, minimize

from firms import Firm


def descent(firm, start, budget):
    """SLSQP on shares of the budget."""
    at_start = firm.outcome_of(start) or 1
    done = minimize(lambda shares: -firm.outcome_of(shares * budget) / at_start, numpy.array(start) / budget, method="SLSQP",
                    bounds=[(0, 1)] * len(start), constraints=[{"type": "ineq", "fun": lambda shares: 1 - shares.sum()}],
                    options={"maxiter": 500, "ftol": 1e-10})
    shares = numpy.clip(done.x, 0, None)
    return list(shares * min(1, 1 / shares.sum()) * budget)


def highs(firm, budget, n_pieces):
    """A mixed-integer program on curves in pieces; a yes or no wherever the next piece is steeper than the one before."""
    n_channels, width = len(firm.channels), budget / n_pieces
    n = n_channels * n_pieces
    gains = numpy.array([numpy.diff([firm.saturated(at, width * piece) for piece in range(n_pieces + 1)]) for at in range(n_channels)])
    rows, is_used = [], numpy.zeros(n)
    for at in range(n_channels):
        first = at * n_pieces
        last = max((piece for piece in range(n_pieces - 1) if gains[at][piece + 1] > gains[at][piece]), default=-1)
        for piece in range(last + 1):
            is_used[first + piece] = 1
            rows.append({n + first + piece: 1, first + piece: -1})
            rows.append({first + piece + 1: 1, n + first + piece: -1})
        if last >= 0:
            rows += [{first + piece: 1, n + first + last: -1} for piece in range(last + 2, n_pieces)]
    rows.append(dict.fromkeys(range(n), width / budget))
    matrix = sparse.lil_matrix((len(rows), 2 * n))
    for number, row in enumerate(rows):
        for column, value in row.items():
            matrix[number, column] = value
    limits = numpy.zeros(len(rows))
    limits[-1] = 1
    done = milp(numpy.r_[-gains.ravel(), numpy.zeros(n)], constraints=LinearConstraint(matrix.tocsr(), -numpy.inf, limits),
                bounds=Bounds(0, 1), integrality=numpy.r_[numpy.zeros(n), is_used], options={"mip_rel_gap": 1e-6, "time_limit": 30})
    return list(done.x[:n].reshape(n_channels, n_pieces).sum(1) * width)


def envelope(firm, budget, n_pieces=400):
    """Steepest pieces first, of each curve's concave envelope: what a convex program could be given."""
    pieces = []
    for at in range(len(firm.channels)):
        hull = []
        for point in ((budget * piece / n_pieces, firm.saturated(at, budget * piece / n_pieces)) for piece in range(n_pieces + 1)):
            while len(hull) > 1 and slope(hull[-2], hull[-1]) <= slope(hull[-2], point):
                hull.pop()
            hull.append(point)
        pieces += [(slope(left, right), right[0] - left[0], at) for left, right in zip(hull, hull[1:])]
    spends, left = [0.0] * len(firm.channels), budget
    for _, width, at in sorted(pieces, reverse=True):
        spends[at] += min(width, left)
        left -= min(width, left)
    return spends


def slope(left, right):
    return (right[1] - left[1]) / (right[0] - left[0])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--firms", type=int, default=24)
    parser.add_argument("--share", type=float, default=1.0, help="of what the firms spend at present")
    arguments = parser.parse_args()
    lost, seconds = {}, {}
    for seed in range(arguments.firms):
        firm = Firm(seed)
        present = [arguments.share * spend for spend in firm.present()]
        budget = sum(present)
        ways = {
            "SLSQP from equal shares": lambda: firm.outcome_of(descent(firm, [budget / len(present)] * len(present), budget)),
            "SLSQP from the present mix": lambda: firm.outcome_of(descent(firm, present, budget)),
            "concave envelope, 400 pieces": lambda: firm.outcome_of(envelope(firm, budget)),
            "HiGHS, 60 pieces": lambda: firm.outcome_of(highs(firm, budget, 60)),
            "HiGHS, 200 pieces": lambda: firm.outcome_of(highs(firm, budget, 200)),
            "knapsack, 400 pieces": lambda: firm.best(budget),
            "the present mix": lambda: firm.outcome_of(present),
        }
        found = {}
        for way, solve in ways.items():
            started = time.process_time()
            found[way] = solve()
            seconds.setdefault(way, []).append(time.process_time() - started)
        ends = [descent(firm, start, budget) for start in (envelope(firm, budget), highs(firm, budget, 60))]
        best = max(*found.values(), *(firm.outcome_of(end) for end in ends))
        for way, outcome in found.items():
            lost.setdefault(way, []).append(1 - outcome / best)
    for way, of in lost.items():
        print(f"{way:30} median {statistics.median(of):.5%}  worst {max(of):.3%}  over 0.1 %: {sum(one > 1e-3 for one in of):2}  "
              f"seconds, median {statistics.median(seconds[way]):.3f}, most {max(seconds[way]):.2f}")


if __name__ == "__main__":
    main()
