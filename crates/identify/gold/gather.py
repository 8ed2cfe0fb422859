#!/usr/bin/env python3
"""Facts about names to one table: names.csv of `facts`. What is not a person's list comes from packages.

    npm pack name-suggestion-index@8.0.20260918 @lobehub/icons@5.21.0 simple-icons@16.37.0 bankcardinfo@2.0.6
    gather.py FOLDER      each package unpacked as FOLDER/<its name without scope>

A row is one name of one entity: entity, kind, name, source. Entities of several sources that share a Chinese name are
one, but for the listed companies of a group, whose names are often the group's. To add facts: a line in one of the
lists in `facts`, or a function here and its line in `main`.
"""

import csv
import json
import re
import sys
from pathlib import Path

from opencc import OpenCC

HERE = Path(__file__).resolve().parent
FACTS = HERE / "facts"
MARKET = HERE.parents[2] / "markets/ai"
#: Chinese names in brackets that are the owner's, not the product's.
OWNERS_IN_BRACKETS = {"ChatGLM", "SenseNova", "Yi", "BilibiliIndex", "Kolors", "Xuanyuan"}
SIMPLIFIED = OpenCC("t2s")
#: Lists in which a Latin name is one company's.
BY_LATIN = ("market", "foreign", "seeds", "reference", "tencent", "alibaba-sec", "carriers")
OPERATORS = ("operators/power", "operators/telecom", "operators/pipeline", "operators/man_made")


def main():
    packages = Path(sys.argv[1])
    rows = [*state_owned(), *listed(), *foreign(), *firms(), *spellings(), *market(), *lobe(packages), *simple_icons(packages),
            *banks(packages), *brands(packages)]
    related = [*groups(), *relations(), *owners(), *families(), *arena()]
    rows, renamed = merged(rows)
    write("names.csv", ("entity", "kind", "name", "source"), sorted(set(rows)))
    write("related.csv", ("one", "other", "source"), sorted({(renamed.get(a, a), renamed.get(b, b), source) for a, b, source in related}))
    print(f"{len({row[0] for row in rows})} entities, {len(set(rows))} names, {len(related)} relations")


def write(name, head, rows):
    with open(FACTS / name, "w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([head, *rows])


def lines(name):
    text = (FACTS / name).read_text(encoding="utf-8").splitlines()
    return [line for line in text if line and not line.startswith("#")]


def is_han(text):
    return any("\u4e00" <= letter <= "\u9fff" for letter in text)


def state_owned():
    for line in lines("state-owned.txt"):
        short, latin, full = line.split("|")
        for name in (short, latin, full):
            if name != "-":
                yield f"group {short}", "company", name, "state-owned"


def listed():
    for line in lines("listed.txt"):
        _, short, full = line.split("|")
        for name in (short, full):
            yield f"listed {full}", "company", name, "state-owned"


def groups():
    for line in lines("listed.txt"):
        group, _, full = line.split("|")
        yield f"group {group}", f"listed {full}", "state-owned"


def foreign():
    for line in lines("foreign.txt"):
        chinese, english, short = line.split("|")
        for name in (*chinese.split("/"), english, short):
            if name:
                yield english, "company", name, "foreign"


def firms():
    for line in lines("firms.txt"):
        names, source = line.split("\t")
        names = names.split("|")
        for name in names:
            yield names[0], "company", name, source


def spellings():
    for line in lines("spellings.txt"):
        names = line.split("|")
        for name in names:
            yield names[0], "product", name, "market"


def market():
    with open(MARKET / "catalogue/aliases.csv", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["kind"] != "segment"]
    entities = {row["entity"] for row in rows}
    for row in rows:
        for name in (row["entity"], row["alias"]):
            # A company that goes by its product's name: the name is the product's.
            if name == row["entity"] or name not in entities:
                yield row["entity"], row["kind"], name, "market"


def owners():
    with open(MARKET / "catalogue/owners.csv", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["product"] != row["company"]:
                yield f"name {row['product']}", f"name {row['company']}", "market"


def relations():
    for line in lines("relations.txt"):
        names, source = line.split("\t")
        one, other = names.split("|")
        yield f"name {one}", f"name {other}", source


def families():
    for line in lines("different.txt"):
        names = line.split("|")
        for place, one in enumerate(names):
            for other in names[place + 1:]:
                yield f"name {one}", f"name {other}", "market"


def arena():
    """Models that were rated beside each other, of one family, with other numbers: neither name is part of the other."""
    with open(MARKET / "data/lmarena-elo.csv", encoding="utf-8") as file:
        names = sorted({row["model"] for row in csv.DictReader(file)})
    for place, one in enumerate(names):
        for other in names[place + 1:]:
            parts = [set(re.split(r"[-_]", name.lower())) for name in (one, other)]
            family = [re.split(r"[-_]", name.lower())[0] for name in (one, other)]
            apart = parts[0] ^ parts[1]
            numbers = [sorted(re.sub(r"\.0$", "", number) for number in re.findall(r"\d+(?:\.\d+)?", name)) for name in (one, other)]
            if numbers[0] != numbers[1] and family[0] == family[1] and not (parts[0] <= parts[1] or parts[1] <= parts[0]) and len(apart) <= 3:
                yield f"name {one}", f"name {other}", "arena"


def lobe(packages):
    for brand in json.loads((packages / "icons/es/toc.json").read_text(encoding="utf-8")):
        found = re.fullmatch(r"(.+?) \((.+)\)", brand["fullTitle"])
        if not found or not is_han(found[2]) or brand["id"] in OWNERS_IN_BRACKETS:
            continue
        for name in (found[1], found[2], brand["title"]):
            yield f"lobe {brand['id']}", "product", name, "lobe"


def simple_icons(packages):
    for icon in json.loads((packages / "simple-icons/data/simple-icons.json").read_text(encoding="utf-8")):
        aliases = icon.get("aliases", {})
        others = [*aliases.get("aka", []), *aliases.get("old", []), *aliases.get("loc", {}).values()]
        others = [name for name in others if len(name) > 2 and (is_han(name) or name.isascii())]
        for name in (icon["title"], *others) if 0 < len(others) < 4 else ():
            yield f"icon {icon['title']}", "product", name, "simple-icons"


def banks(packages):
    text = (packages / "bankcardinfo/index.js").read_text(encoding="utf-8")
    for name, code in re.findall(r"bankName: *[\"']([^\"']+)[\"'],\s*bankCode: *[\"']([A-Z0-9]+)", text):
        for each in (name, code):
            yield f"bank {code}", "company", each, "bank-codes"


def brands(packages):
    index = json.loads((packages / "name-suggestion-index/dist/json/nsi.min.json").read_text(encoding="utf-8"))["nsi"]
    for path, category in index.items():
        if not path.startswith(("brands", *OPERATORS)):
            continue
        word = "brand" if path.startswith("brands") else "operator"
        for item in category.get("items", []):
            tags = item["tags"]
            entity = tags.get(f"{word}:wikidata")
            is_japanese = item.get("locationSet", {}).get("include") == ["jp"]
            names = names_of(tags, word) if entity and not is_japanese else []
            is_one_in_four = int(re.sub(r"\D", "", entity or "0")) % 4 == 0
            if not names or not (is_one_in_four or any(is_han(name) for name in names)):
                continue
            others = [name for name in item.get("matchNames", []) if is_short_for(name, names)]
            if len({*names, *others}) > 1:
                yield from ((entity, "company", name, "nsi") for name in names)
                yield from ((entity, "company", name, "nsi-short") for name in others)


def is_short_for(name, names):
    """Whether a Chinese name has some characters of another one, in their order: not a rename, a shop or a part."""
    short = SIMPLIFIED.convert(name)
    return is_han(name) and any(is_part(short, SIMPLIFIED.convert(long)) for long in names)


def is_part(short, long):
    rest = iter(long)
    return 1 < len(short) < len(long) and all(letter in rest for letter in short)


def names_of(tags, word):
    """Names in Chinese and English, and their long and short forms; for brands elsewhere only those forms."""
    found = []
    for tag, name in tags.items():
        what, _, language = tag.partition(":")
        if tag in ("short_name", "official_name", "alt_name", "old_name", f"{word}:short", f"{word}:short:en", f"{word}:short:zh"):
            found.extend(name.split(";"))
        elif what in (word, "official_name", "short_name", "alt_name") and language in ("en", "zh", "zh-Hans", "zh-Hant"):
            found.extend(name.split(";"))
        elif tag == word and (name.isascii() or is_han(name)):
            found.append(name)
    found = [name.strip() for name in found]
    return [name for name in dict.fromkeys(found) if len(name) > 1 and (name.isascii() or is_han(name)) and not re.search("[\u3040-\u30ff]", name)]


def merged(rows):
    """Entities of several lists that share a Chinese name are one; a brand of the index joins at most one of them."""
    rows = list(rows)
    own = {key(name) for _, _, name, source in rows if source != "nsi-short"}
    rows = [row for row in rows if row[3] != "nsi-short" or key(row[2]) not in own]
    rows = [(entity, kind, name, source.removesuffix("-short")) for entity, kind, name, source in rows]
    above, first, joined = {}, {}, set()

    def top(entity):
        while above.get(entity, entity) != entity:
            entity = above[entity]
        return entity

    for entity, kind, name, source in rows:
        if source == "nsi" or entity.startswith("listed ") or not (is_han(name) or source in BY_LATIN):
            continue
        ours, theirs = top(entity), top(first.setdefault(key(name), entity))
        if ours != theirs:
            above[ours] = theirs
    brands_of = {}
    for entity, _, name, source in rows:
        if source == "nsi" and is_han(name):
            brands_of.setdefault(key(name), set()).add(entity)
    for name, entities in sorted(brands_of.items()):
        entity = min(entities)
        if len(entities) == 1 and name in first and entity not in above and top(first[name]) not in joined:
            joined.add(top(first[name]))
            above[entity] = top(first[name])
    by_name = {}
    for entity, _, name, _ in rows:
        by_name.setdefault(f"name {name}", top(entity))
    renamed = {entity: top(entity) for entity, *_ in rows} | by_name
    rows = [(top(entity), kind, name, source) for entity, kind, name, source in rows]
    doubtful = {(by_name.get(f"name {other}"), name) for name, other in (line.split("|") for line in lines("doubtful.txt"))}
    return [row for row in rows if (row[0], row[2]) not in doubtful], renamed


def key(name):
    return SIMPLIFIED.convert(name).lower().replace(" ", "")


if __name__ == "__main__":
    sys.exit(main())
