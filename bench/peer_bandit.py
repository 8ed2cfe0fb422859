"""river's bandit policies on the same three kinds of arms as bench/src/bin/bandit.rs; mean regret of each, as JSON."""

import json
import random
from collections import deque

from river import bandit, proba

N_ROUNDS, N_REPEATS, N_ARMS, DELAY = 10_000, 40, 5, 500


def shares(seed):
    """The numbers from 0 to 1 of crowsnest_learn::random, so that both sides have the same arms."""
    mask = (1 << 64) - 1
    state = (seed * 0x9E3779B97F4A7C15 & mask) ^ 0x5851F42D4C957F2D
    while True:
        state = state + 0x9E3779B97F4A7C15 & mask
        mixed = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 & mask
        mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB & mask
        yield ((mixed ^ mixed >> 31) >> 11) / (1 << 53)


def chances(kind, seed):
    draw, n_pieces = shares(seed), 4 if kind == "drifting" else 1
    pieces = [[0.02 + 0.28 * next(draw) for _ in range(N_ARMS)] for _ in range(n_pieces)]
    return lambda at: pieces[at * n_pieces // N_ROUNDS]


def policies(seed):
    return {"thompson": bandit.ThompsonSampling(reward_obj=proba.Beta(), seed=seed), "ucb": bandit.UCB(delta=1, seed=seed),
            "epsilon": bandit.EpsilonGreedy(epsilon=0.1, decay=0.001, seed=seed)}


def regret(kind, name):
    total = 0.0
    for seed in range(N_REPEATS):
        draw = random.Random(seed)
        of = chances(kind, seed)
        policy, waiting = policies(seed)[name], deque()
        for at in range(N_ROUNDS):
            now = of(at)
            arm = policy.pull(range(N_ARMS))
            total += max(now) - now[arm]
            waiting.append((arm, int(draw.random() < now[arm])))
            if kind != "delayed" or len(waiting) > DELAY:
                policy.update(*waiting.popleft())
    return total / N_REPEATS


print(json.dumps({kind: {name: regret(kind, name) for name in policies(0)} for kind in ("stationary", "drifting", "delayed")}))
