"""Who leads, whose number is that, and what does another source say?

    crowsnest demo &
    python clients/python/example.py
"""

from crowsnest import Crowsnest, Problem

radar = Crowsnest()

print("The leaders of December 2024, by monthly users:")
league = radar.league(metric="mau", period="2024-12", lang="en", n_rows=5)
for row in league:
    print(f"  {row['rank']:>2}  {row['name']:<12} {row['value'] / 1e6:8.2f} M  {row['source']}")

leader = league[0]["name"]
print(f"\nEverything that was ever said of {leader} in that month:")
for claim in radar.why(name=leader, metric="mau", period="2024-12", lang="en"):
    state = "in force" if claim["in_force"] else "replaced, denied or withdrawn"
    print(f"  {claim['source']}: {claim['as_written']} ({claim['status']}, known {claim['known_at'][:10]}, {state})")
    print(f"    {radar.site}/claim/{claim['claim']}")

print("\nAs it was known at the end of January 2025:")
for row in radar.league(metric="mau", period="2024-12", as_of="2025-01-31", lang="en", n_rows=3):
    print(f"  {row['name']}: {row['value']:,.0f}")

print("\nClaims by metric, in SQL:")
for row in radar.sql("SELECT metric, count(*) AS n FROM claims GROUP BY metric ORDER BY n DESC, metric LIMIT 3"):
    print(f"  {row['metric']}: {row['n']}")

try:
    radar.figures(name="nobody at all")
except Problem as problem:
    print(f"\nAsked for somebody who is not there: {problem}")
