"""Made-up firms whose channels are known: three years of weeks, six channels that are spent on together, a season, a rival.

Only the standard library, so that the truth is the same wherever it is made. `Firm(seed)` has `rows` (what anybody could see) and
`returns`, `outcome_of`, `best` (what nobody can)."""

import csv
import math
import random

N_WEEKS = 156
N_CHANNELS = 6
WEEKS_IN_YEAR = 365.25 / 7


class Firm:
    def __init__(self, seed, n_channels=N_CHANNELS, n_weeks=N_WEEKS, noise=None, media=None):
        draw = random.Random(f"firm-{seed}")
        self.channels = [f"channel_{at + 1}" for at in range(n_channels)]
        self.n_weeks = n_weeks
        base = 10_000 * draw.uniform(0.5, 2)
        phase = draw.uniform(0, math.tau)
        season = [math.sin(math.tau * week / WEEKS_IN_YEAR + phase) for week in range(n_weeks)]
        together = [draw.gauss(0, 1) for _ in range(n_weeks)]
        self.spend = [self._spend(draw, at, season, together) for at in range(n_channels)]
        media = draw.uniform(0.2, 0.5) if media is None else media
        weights = [draw.uniform(0.3, 1.7) for _ in range(n_channels)]
        self.kept = [draw.uniform(0.1, 0.8) for _ in range(n_channels)]
        self.half = [mean_of_on(spend) * draw.uniform(0.5, 2) for spend in self.spend]
        self.steepness = [draw.uniform(0.8, 1.8) for _ in range(n_channels)]
        self.height = [1.0] * n_channels
        self.returns = []
        for at, weight in enumerate(weights):
            wanted = media * base * n_weeks * weight / sum(weights)
            self.height[at] = wanted / sum(self.effect(at, self.spend[at]))
            self.returns.append(wanted / sum(self.spend[at]))
        noise = base * (draw.uniform(0.01, 0.05) if noise is None else noise)
        swing, drift = base * draw.uniform(0.03, 0.12), base * draw.uniform(-0.1, 0.3)
        self.rival = [draw.gauss(1, 0.2) if week // 9 % 5 == 3 else draw.gauss(0, 0.1) for week in range(n_weeks)]
        harm = base * draw.uniform(0.02, 0.1)
        self.outcome = [base * (1 - media) + drift * week / n_weeks + swing * season[week] - harm * self.rival[week] + draw.gauss(0, noise)
                        for week in range(n_weeks)]
        for at in range(n_channels):
            self.outcome = [outcome + effect for outcome, effect in zip(self.outcome, self.effect(at, self.spend[at]))]

    @staticmethod
    def _spend(draw, at, season, together):
        level, alike, swing, seasonal = 100 * math.exp(draw.uniform(2.5, 4)), draw.uniform(0.2, 0.7), draw.uniform(0.3, 0.6), draw.uniform(0, 0.3)
        flighted = at % 3 == 2 and draw.random() < 0.5
        own, is_on, spend = 0.0, True, []
        for week, (common, wave) in enumerate(zip(together, season)):
            own = 0.6 * own + 0.8 * draw.gauss(0, 1)
            if flighted and week % 4 == 0:
                is_on = draw.random() < 0.6
            value = level * math.exp(swing * (alike * common + math.sqrt(1 - alike * alike) * own) + seasonal * wave)
            spend.append(value if is_on or not flighted else 0.0)
        return spend

    def saturated(self, at, carried):
        if carried <= 0:
            return 0.0
        return self.height[at] / (1 + (self.half[at] / carried) ** self.steepness[at])

    def effect(self, at, spend):
        """Outcome of a channel, week by week; carry-over weights add up to one."""
        carried, effects = 0.0, []
        for value in spend:
            carried = self.kept[at] * carried + (1 - self.kept[at]) * value
            effects.append(self.saturated(at, carried))
        return effects

    def outcome_of(self, weekly):
        """Outcome a week of spends that are kept up."""
        return sum(self.saturated(at, value) for at, value in enumerate(weekly))

    def present(self):
        return [sum(spend[-13:]) / 13 for spend in self.spend]

    def best(self, budget, n_pieces=400):
        """The most that a weekly budget can bring, by trying all divisions of it into pieces."""
        most = [0.0] * (n_pieces + 1)
        for at in range(len(self.channels)):
            gains = [self.saturated(at, budget * piece / n_pieces) for piece in range(n_pieces + 1)]
            most = [max(most[pieces - own] + gains[own] for own in range(pieces + 1)) for pieces in range(n_pieces + 1)]
        return most[-1]

    def write(self, path):
        with open(path, "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["date", "outcome", "rival", *self.channels])
            for week in range(self.n_weeks):
                writer.writerow([day(week), self.outcome[week], self.rival[week], *(spend[week] for spend in self.spend)])


def mean_of_on(spend):
    on = [value for value in spend if value > 0]
    return sum(on) / len(on)


def day(week):
    import datetime
    return (datetime.date(2022, 1, 3) + datetime.timedelta(weeks=week)).isoformat()
