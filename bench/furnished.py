"""What pages show besides figures: companies, a watch-list, a report, a bandit, a plan, a note. Only what a market lacks is added."""

import json
from collections import namedtuple

import measure
from firms import Firm

COMPANIES, PRODUCTS_OF_A_COMPANY, WATCHED, NOTED = 300, 8, 20, 5
#: Vendors that win tenders, in each month of a year, so many projects for so much each.
VENDORS, TENDER_YEAR = 40, 2025
PLAN_SECONDS_MAX = 1800
NOTE_DAY = "2025-01-20"

REPORT = """# Monthly: {{ market }}

{{ league mau 2025-06 limit=10 }}

{{ breakouts limit=5 }}
"""
BANDIT = 'floor = 0.02\nreward_within_hours = 24\n[[arms]]\nname = "a"\n[[arms]]\nname = "b"\n'


#: Of what HTTP has no list: entities with notes, and names of bandits.
Furnished = namedtuple("Furnished", "noted bandits")


def before_import(market, names):
    """Files that the import and the steps after it read: whose a product is."""
    owners = ["product,company"]
    for company in range(COMPANIES):
        own = names[company * PRODUCTS_OF_A_COMPANY:(company + 1) * PRODUCTS_OF_A_COMPANY]
        owners += [f"{name},{company_name(company)}" for name in own]
    write(market / "catalogue/owners.csv", "\n".join(owners) + "\n")


def tenders():
    """A file of tenders won by the companies, and its number of claims."""
    lines = ["subject,kind,metric,period,region,platform,segment,value,unit,status,source,said_on"]
    for vendor in range(VENDORS):
        for month in range(1, 13):
            n_won = 1 + vendor * month % 7
            for metric, value, unit in (("tender_wins", n_won, "projects"), ("tender_amount", n_won * 1_500_000, "CNY")):
                lines.append(f"{company_name(vendor)},company,{metric},{TENDER_YEAR}-{month:02},cn,all,llm,{value},{unit},reported,"
                             f"Register,{TENDER_YEAR + 1}-01-31")
    return "\n".join(lines) + "\n", len(lines) - 1


def furnish(run, market):
    """A watch-list, a report, a bandit, a plan and notes, where the market has none."""
    names = [row["name"] for row in ask(run, market, "products", "--limit", WATCHED)]
    lacks = lambda folder, ending: not any((market / folder).glob(f"*.{ending}"))
    if lacks("watch", "toml"):
        write(market / "watch/chosen.toml", f'title = "Chosen"\nproducts = {json.dumps(names, ensure_ascii=False)}\n')
    if lacks("reports", "md"):
        write(market / "reports/monthly.md", REPORT)
    if lacks("bandits", "toml"):
        write(market / "bandits/home.toml", BANDIT)
    if not ask(run, market, "sql", "SELECT 1 AS n FROM plans LIMIT 1"):
        plan(run, market)
    if not ask(run, market, "note", "list"):
        for name in names[:NOTED]:
            measure.run(run.crowsnest("note", "add", name, NOTE_DAY, "a note of the bench", "--market", market))
    noted = sorted({row["entity"] for row in ask(run, market, "note", "list")})
    return Furnished(noted, sorted(path.stem for path in (market / "bandits").glob("*.toml")))


def plan(run, market):
    """A plan of spending, of a made-up firm."""
    firm = Firm(1)
    firm.write(market / "weekly.csv")
    channels = "".join(f'[[channels]]\nname = "{name}"\n' for name in firm.channels)
    write(market / "weekly.toml", f'[history]\nfile = "weekly.csv"\noutcome = "outcome"\ncontrols = ["rival"]\n{channels}'
                                  f"[model]\nn_held_out = 0\n[plan]\nbudget = {sum(firm.present()) * 13}\nn_periods = 13\n")
    measure.run(run.crowsnest("grow", "plan", market / "weekly.toml", "--quiet", "--market", market), PLAN_SECONDS_MAX, ok_codes=(0, 1, 2))


def ask(run, market, *command):
    done = measure.run(run.crowsnest(*command, "--format", "json", "--quiet", "--market", market))
    return json.loads(done["stdout"])


def write(path, text):
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


def company_name(number):
    return f"{'Aster Birch Cedar Delta Ember Fjord'.split()[number % 6]} Holding {number}"
