"""PyMC-Marketing on one firm's table: fits, divides the weekly budget over thirteen weeks, prints spends and seconds as JSON.

Its defaults (four chains of a thousand draws after a thousand, geometric adstock, logistic saturation), two waves of the year."""

import json
import logging
import sys
import time
import warnings

warnings.filterwarnings("ignore")
logging.disable(logging.INFO)

import pandas  # noqa: E402
from pymc_marketing.mmm import MMM, GeometricAdstock, LogisticSaturation  # noqa: E402

N_PERIODS = 13
THOUSAND = 1000


def main():
    path, budget = sys.argv[1], float(sys.argv[2])
    table = pandas.read_csv(path, parse_dates=["date"])
    channels = [name for name in table.columns if name.startswith("channel_")]
    # In thousands: with spends in units its optimiser stays where it starts, at equal shares.
    table[channels] = table[channels] / THOUSAND
    started = time.monotonic()
    mmm = MMM(date_column="date", channel_columns=channels, control_columns=["rival"], adstock=GeometricAdstock(l_max=8),
              saturation=LogisticSaturation(), yearly_seasonality=2)
    mmm.fit(table.drop(columns="outcome"), table["outcome"], random_seed=1, progressbar=False)
    fitted = time.monotonic() - started
    allocation, _ = mmm.optimize_budget(budget=budget / THOUSAND, num_periods=N_PERIODS)
    spends = {name: float(allocation.sel(channel=name)) * THOUSAND for name in channels}
    returns = intervals(mmm, table, channels)
    print(json.dumps({"spend": spends, "returns": returns, "fit_seconds": fitted, "seconds": time.monotonic() - started}))


def intervals(mmm, table, channels):
    parts = mmm.compute_channel_contribution_original_scale().stack(sample=("chain", "draw")).sum("date")
    found = {}
    for name in channels:
        returns = parts.sel(channel=name).values / table[name].sum() / THOUSAND
        found[name] = [float(value) for value in pandas.Series(returns).quantile([0.05, 0.5, 0.95])]
    return found


if __name__ == "__main__":
    main()
