"""The peers of forecasting and of scoring: StatsForecast's AutoETS and AutoTheta, and ruptures, on series that `detecting` wrote.

peer_forecasts.py forecasts FILE HORIZON   forecasts of the peers beside ours, their errors, and what intervals cover
peer_forecasts.py scale FILE               series a second of AutoETS and of a change-point search, on two processes
"""

import json
import sys
import time

import numpy
import pandas
import ruptures
from statsforecast import StatsForecast
from statsforecast.models import AutoETS, AutoTheta


def frame(series):
    parts = [pandas.DataFrame({"unique_id": own, "ds": numpy.arange(len(values)), "y": values}) for own, values in series]
    return pandas.concat(parts)


def asked(model, series, horizon):
    started = time.perf_counter()
    said = StatsForecast(models=[model], freq=1, n_jobs=2).forecast(df=frame(series), h=horizon)
    seconds = time.perf_counter() - started
    said = said.sort_values(["unique_id", "ds"])
    return said.iloc[:, -1].to_numpy().reshape(-1, horizon), seconds


def filled(values):
    """Gaps carried forward: the peers take none."""
    return pandas.Series(values).ffill().dropna().to_numpy()


def forecasts(path, horizon):
    series, came, ours = [], [], {"median": [], "low": [], "high": []}
    with open(path) as lines:
        names = next(lines).strip().split(";")[1:]
        for nth, line in enumerate(lines):
            cells = [numpy.array([float(cell) for cell in cells.split(",")]) for cells in line.strip().split(";")[1:]]
            own = dict(zip(names, cells, strict=True))
            series.append((nth, filled(own["known"])))
            came.append(own["came"])
            for name, said in ours.items():
                said.append(own[name])
    came = numpy.array(came)
    scale = numpy.array([numpy.mean(numpy.abs(numpy.diff(values))) for _, values in series]).clip(1e-9)

    def mase(said, ahead=slice(None)):
        return float(numpy.mean(numpy.abs(said - came)[:, ahead] / scale[:, None]))

    ours = {name: numpy.array(said) for name, said in ours.items()}
    inside = (ours["low"] <= came) & (came <= ours["high"])
    last = numpy.array([[values[-1]] * horizon for _, values in series])
    found = {"series": len(series), "ours": mase(ours["median"]), "last_value": mase(last),
             "ours_at_horizon": mase(ours["median"], slice(horizon - 1, None)),
             "covered_80": float(inside.mean()), "covered_80_by_period": [float(one) for one in inside.mean(0)]}
    for name, model in (("auto_ets", AutoETS), ("auto_theta", AutoTheta)):
        for season in (1, 12):
            said, seconds = asked(model(season_length=season), series, horizon)
            found[f"{name}_{season}"] = {"mase": mase(said), "at_horizon": mase(said, slice(horizon - 1, None)),
                                         "series_per_second": len(series) / seconds}
    return found


def change_points(values):
    return ruptures.Pelt(model="l2", min_size=3, jump=1).fit(numpy.log(values)).predict(pen=3 * numpy.var(numpy.diff(numpy.log(values))) + 1e-9)


def scale(path):
    with open(path) as lines:
        series = [(nth, filled([float(cell) for cell in line.split(",")])) for nth, line in enumerate(lines)]
    series = [(nth, values) for nth, values in series if len(values) >= 12]
    # Once for what is compiled on the way.
    asked(AutoETS(season_length=1), series[:20], 6)
    _, seconds = asked(AutoETS(season_length=1), series, 6)
    started = time.perf_counter()
    for _, values in series:
        change_points(values)
    # The search runs on one core here; two would do it in half the time.
    searching = (time.perf_counter() - started) / 2
    return {"series": len(series), "auto_ets_per_second": len(series) / seconds, "ruptures_per_second": len(series) / searching,
            "both_per_second": len(series) / (seconds + searching)}


if __name__ == "__main__":
    print(json.dumps(forecasts(sys.argv[2], int(sys.argv[3])) if sys.argv[1] == "forecasts" else scale(sys.argv[2])))
