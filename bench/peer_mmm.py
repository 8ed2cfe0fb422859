"""PyMC-Marketing on a weekly table. `peer_mmm.py plan TABLE BUDGET N_PERIODS` fits a made-up firm and divides a weekly budget over that
many weeks; `peer_mmm.py public TABLE` fits the public table, once without the last thirteen weeks. Prints JSON.

As its own example does: four chains of a thousand draws after a thousand (with nutpie, the faster of the samplers that it offers: the
one that is its default took twice as long here), geometric adstock, logistic saturation, two waves of the year,
and the week's number among the controls, which are brought to one scale (it leaves them as they are). The model is its newer class: the
older one's optimiser divides spends by their largest twice (0.19.2), and gives all to one channel."""

import json
import logging
import os
import sys
import time
import warnings

warnings.filterwarnings("ignore")
logging.disable(logging.INFO)

import numpy  # noqa: E402
import pandas  # noqa: E402
from pymc_marketing.mmm import GeometricAdstock, LogisticSaturation  # noqa: E402
from pymc_marketing.mmm.multidimensional import MMM, MultiDimensionalBudgetOptimizerWrapper  # noqa: E402

N_HELD_OUT = 13
PARTS = "channel_contribution"


def fitted(table, date, outcome, channels, controls):
    mmm = MMM(date_column=date, target_column=outcome, channel_columns=channels, control_columns=controls,
              adstock=GeometricAdstock(l_max=8), saturation=LogisticSaturation(), yearly_seasonality=2)
    known = table.drop(columns=outcome), table[outcome]
    mmm.build_model(*known)
    mmm.add_original_scale_contribution_variable(var=[PARTS, "y"])
    mmm.fit(*known, random_seed=1, progressbar=False, chains=4, cores=os.cpu_count(), nuts_sampler="nutpie")
    return mmm


def scaled(values, of=None):
    of = values if of is None else of
    return (values - of.mean()) / (of.std() or 1.0)


def plan(path, budget, n_periods):
    table = pandas.read_csv(path, parse_dates=["date"])
    channels = [name for name in table.columns if name.startswith("channel_")]
    table["t"] = numpy.linspace(0, 1, len(table))
    started = time.monotonic()
    mmm = fitted(table, "date", "outcome", channels, ["rival", "t"])
    fit_seconds = time.monotonic() - started
    first = table["date"].max() + pandas.Timedelta(weeks=1)
    last = first + pandas.Timedelta(weeks=n_periods - 1)
    ahead = MultiDimensionalBudgetOptimizerWrapper(model=mmm, start_date=str(first.date()), end_date=str(last.date()))
    # Its own tolerance is 1e-9 of an outcome of some 100,000, which floating point may never reach: of one firm it went on for a quarter
    # of an hour between values that differ in the twelfth digit.
    allocation, _ = ahead.optimize_budget(budget=budget, minimize_kwargs={"method": "SLSQP", "options": {"ftol": 1e-3, "maxiter": 1000}})
    seconds = time.monotonic() - started
    spends = {name: float(allocation.sel(channel=name)) for name in channels}
    return {"spend": spends, "returns": returns(mmm, table, channels), "fit_seconds": fit_seconds, "seconds": seconds}


def contributions(mmm):
    """What each channel brought, all weeks together, by draw."""
    return mmm.idata.posterior[f"{PARTS}_original_scale"].stack(sample=("chain", "draw")).sum("date")


def ends(values):
    return [float(value) for value in numpy.quantile(values, [0.05, 0.5, 0.95])]


def returns(mmm, table, channels):
    parts = contributions(mmm)
    return {name: ends(parts.sel(channel=name).values / table[name].sum()) for name in channels}


def public(path):
    table = pandas.read_csv(path, parse_dates=["DATE"], keep_default_na=False)
    channels = ["tv_S", "ooh_S", "print_S", "facebook_S", "search_S"]
    known = table.iloc[:-N_HELD_OUT]
    for name in ("competitor_sales_B", "newsletter"):
        table[name] = scaled(table[name].astype(float), known[name].astype(float))
    table["t"] = numpy.arange(len(table)) / len(table)
    events = [name for name in sorted(table["events"].unique()) if name != "na"]
    for name in events:
        table[name] = (table["events"] == name).astype(float)
    controls = ["competitor_sales_B", "newsletter", "t", *events]
    table = table[["DATE", "revenue", *channels, *controls]]
    known, held = table.iloc[:-N_HELD_OUT], table.iloc[-N_HELD_OUT:]
    before = fitted(known, "DATE", "revenue", channels, controls)
    drawn = before.sample_posterior_predictive(held.drop(columns="revenue"), include_last_observations=True, random_seed=1,
                                               progressbar=False, extend_idata=False, var_names=["y_original_scale"])
    drawn = drawn["y_original_scale"] if hasattr(drawn, "data_vars") else drawn
    expected = drawn.mean([dim for dim in drawn.dims if dim != "date"]).values
    error = float(numpy.abs(held["revenue"].values - expected).sum() / numpy.abs(held["revenue"].values).sum())
    started = time.monotonic()
    mmm = fitted(table, "DATE", "revenue", channels, controls)
    seconds = time.monotonic() - started
    parts, whole = contributions(mmm), table["revenue"].sum()
    shares = {name: ends(parts.sel(channel=name).values / whole) for name in channels}
    return {"held_out_error_share": error, "shares": shares, "returns": returns(mmm, table, channels), "seconds": seconds}


if __name__ == "__main__":
    what, path, *rest = sys.argv[1:]
    print(json.dumps(plan(path, float(rest[0]), int(rest[1])) if what == "plan" else public(path)))
