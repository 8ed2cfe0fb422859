#!/usr/bin/env python3
"""Splink on a folder with left.csv, right.csv and pairs.csv, without labels: what it makes of the test split, as JSON.

Every text column is compared as its documentation does it, in two ways, and the caller takes the better one: as strings
(Jaro-Winkler at thresholds, with term frequencies) and as sets of words (share of words in common at thresholds). Numbers
are compared by their relative difference. Blocks are words of any text column that few records have (`arrays_to_explode`).
u comes from random pairs, m from expectation-maximisation within blocks; a pair is a match from a probability of one half.
"""

import argparse
import csv
import json
import re
import sys
import time
from collections import Counter
from pathlib import Path

import duckdb
import pyarrow
import splink
from splink import DuckDBAPI, Linker, SettingsCreator, block_on
from splink import comparison_level_library as levels
from splink import comparison_library as comparisons

#: A word that more records have is not looked up by.
BLOCK_MAX = 100
#: Pairs that u is estimated from.
RANDOM_PAIRS = 1e6
TRAINING_BLOCKS = 2
WORD = re.compile(r"\w+")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    left, right, pairs = (read(arguments.folder / f"{name}.csv") for name in ("left", "right", "pairs"))
    kinds = {column: kind_of([row[column] for row in left + right]) for column in left[0] if column != "id" and column in right[0]}
    rare = rare_words(left, right, kinds)
    tables = [prepared(table, kinds, rare) for table in (left, right)]
    test = [pair for pair in pairs if pair["split"] == "test"]
    found = {}
    for way, make in (("strings", as_strings), ("words", as_words)):
        started = time.perf_counter()
        try:
            matches, n_candidates = linked(tables, [make(column, kind) for column, kind in kinds.items()])
        except Exception as error:  # what it cannot do is told, and counts as nothing found
            found[way] = {"error": str(error)[:400], "f1": 0.0}
            continue
        found[way] = judged(matches, test) | {"seconds": time.perf_counter() - started, "n_candidates": n_candidates}
    best = max(found, key=lambda way: found[way]["f1"])
    print(json.dumps({"splink": splink.__version__, "duckdb": duckdb.__version__, "best": best, **found[best], "ways": found}))
    return 0


def read(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def kind_of(values):
    values = [value for value in values if value.strip()]
    numbers = sum(number(value) is not None for value in values)
    return "number" if values and numbers >= 0.8 * len(values) else "text"


def number(value):
    found = re.fullmatch(r"\D{0,4}(\d[\d,]*(?:\.\d+)?)\D{0,4}", value.strip())
    return float(found[1].replace(",", "")) if found else None


def words(value):
    return sorted(set(WORD.findall(value.lower())))


def rare_words(left, right, kinds):
    counts = Counter(word for table in (left, right) for row in table
                     for word in {word for column, kind in kinds.items() if kind == "text" for word in words(row[column])})
    there = [{word for row in table for column, kind in kinds.items() if kind == "text" for word in words(row[column])}
             for table in (left, right)]
    return {word: count for word, count in counts.items() if count <= BLOCK_MAX and all(word in words_there for words_there in there)}


def prepared(table, kinds, rare):
    made = {"unique_id": [row["id"] for row in table]}
    for column, kind in kinds.items():
        if kind == "number":
            made[column] = [number(row[column]) for row in table]
            continue
        made[column] = [" ".join(WORD.findall(row[column].lower())) or None for row in table]
        made[f"{column}_words"] = [words(row[column]) or None for row in table]
    texts = [column for column, kind in kinds.items() if kind == "text"]
    blocks = [sorted({word for column in texts for word in words(row[column])} & rare.keys(), key=lambda word: (rare[word], word))
              for row in table]
    made["block"] = blocks
    # Expectation-maximisation takes no exploded blocks: the rarest words, one by one.
    for place in range(TRAINING_BLOCKS):
        made[f"rare_word_{place}"] = [block[place] if place < len(block) else None for block in blocks]
    return pyarrow.table(made)


def as_strings(column, kind):
    if kind == "number":
        return relative_difference(column)
    return comparisons.JaroWinklerAtThresholds(column, [0.92, 0.8, 0.7]).configure(term_frequency_adjustments=True)


def as_words(column, kind):
    if kind == "number":
        return relative_difference(column)
    return comparisons.CustomComparison(
        output_column_name=column,
        comparison_levels=[
            levels.NullLevel(column), levels.ExactMatchLevel(column, term_frequency_adjustments=True),
            *(levels.CustomLevel(f"{share_in_common(column)} >= {share}", f"words in common {share}") for share in (0.7, 0.5, 0.3, 0.15)),
            levels.ElseLevel(),
        ])


def share_in_common(column):
    left, right = f'"{column}_words_l"', f'"{column}_words_r"'
    common = f"len(list_intersect({left}, {right}))"
    return f"{common} / (len({left}) + len({right}) - {common})"


def relative_difference(column):
    return comparisons.CustomComparison(
        output_column_name=column,
        comparison_levels=[levels.NullLevel(column), levels.ExactMatchLevel(column),
                           *(levels.PercentageDifferenceLevel(column, share) for share in (0.1, 0.3)), levels.ElseLevel()])


def linked(tables, compared):
    """The probability of each pair that it finds."""
    api = DuckDBAPI()
    rule = block_on("block", arrays_to_explode=["block"])
    names = [name for name in tables[0].column_names if name.endswith("_words")]
    settings = SettingsCreator(link_type="link_only", comparisons=compared, blocking_rules_to_generate_predictions=[rule],
                               additional_columns_to_retain=names)
    linker = Linker([api.register(table, dataset_display_name=name) for table, name in zip(tables, ("left_table", "right_table"))], settings)
    # Each record is expected to have about one partner on the other side.
    linker._settings_obj._probability_two_random_records_match = 1 / max(table.num_rows for table in tables)
    linker.training.estimate_u_using_random_sampling(max_pairs=RANDOM_PAIRS, seed=1)
    for place in range(TRAINING_BLOCKS):
        linker.training.estimate_parameters_using_expectation_maximisation(block_on(f"rare_word_{place}"), record_sample_proportion=1.0)
    found = linker.inference.predict().as_duckdbpyrelation().project("unique_id_l, unique_id_r, match_probability").fetchall()
    matches = {(left, right): probability for left, right, probability in found}
    return matches, len(matches)


def judged(matches, test):
    """F1 at one half; what it would be at the best threshold for this very split is told beside it."""
    scored = []
    for pair in test:
        ids = pair["left_id"], pair["right_id"]
        scored.append((matches.get(ids, matches.get(ids[::-1], 0.0)), pair["match"] == "1"))
    best = max((f1(scored, score) | {"threshold": score} for score in {score for score, _ in scored if score > 0} or {0.5}),
               key=lambda one: one["f1"])
    return f1(scored, 0.5) | {"f1_at_best": best["f1"], "threshold_at_best": best["threshold"]}


def f1(scored, threshold):
    true = sum(is_match and score >= threshold for score, is_match in scored)
    said = sum(score >= threshold for score, _ in scored)
    there = sum(is_match for _, is_match in scored)
    return {"f1": 2 * true / max(1, said + there), "precision": true / max(1, said), "recall": true / max(1, there)}


if __name__ == "__main__":
    sys.exit(main())
