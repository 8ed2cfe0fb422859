"""river's bandit policies on the same three kinds of arms as bench/src/bin/bandit.rs; mean regret of each, as JSON."""

import json
import random
from collections import deque

from river import bandit, proba

N_ROUNDS, N_REPEATS, N_ARMS, DELAY = 10_000, 20, 5, 500


def chances(kind, draw):
    if kind != "drifting":
        fixed = [draw.uniform(0.02, 0.3) for _ in range(N_ARMS)]
        return lambda at: fixed
    pieces = [[draw.uniform(0.02, 0.3) for _ in range(N_ARMS)] for _ in range(4)]
    return lambda at: pieces[at * 4 // N_ROUNDS]


def policies(seed):
    return {"thompson": bandit.ThompsonSampling(reward_obj=proba.Beta(), seed=seed), "ucb": bandit.UCB(delta=1, seed=seed),
            "epsilon": bandit.EpsilonGreedy(epsilon=0.1, decay=0.001, seed=seed)}


def regret(kind, name):
    total = 0.0
    for seed in range(N_REPEATS):
        draw = random.Random(seed)
        of = chances(kind, draw)
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
