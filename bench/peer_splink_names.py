#!/usr/bin/env python3
"""Splink on a CSV of mentions, deduplicated without labels: its entities, as CSV, and what it took, as JSON.

As its documentation does it for records of organisations: names by Jaro-Winkler at thresholds with term frequencies, ids,
developers and domains exactly; blocks by each of them, and by the beginnings of names. u comes from a million random pairs,
m from expectation-maximisation within two blocks; clusters are connected components. Seconds are from reading the file to
the clusters in memory.
"""

import argparse
import json
import time
from pathlib import Path

import duckdb
import splink
from splink import DuckDBAPI, Linker, SettingsCreator, block_on
from splink import comparison_library as comparisons

THRESHOLDS = [0.5, 0.8, 0.9, 0.95, 0.99]
RANDOM_PAIRS = 1e6


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("csv", type=Path)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    started = time.perf_counter()
    connection = duckdb.connect()
    connection.sql(f"""CREATE TABLE mentions AS SELECT mention_id AS unique_id, kind, lower(name) AS name,
        nullif(native_id, '') AS native_id, nullif(developer, '') AS developer, nullif(domain, '') AS domain
        FROM read_csv('{arguments.csv}', header = true, all_varchar = true)""")
    settings = SettingsCreator(
        link_type="dedupe_only",
        blocking_rules_to_generate_predictions=[
            block_on("name", "kind"), block_on("native_id"), block_on("domain"),
            block_on("developer", "substr(name, 1, 3)"), block_on("substr(name, 1, 7)", "kind")],
        comparisons=[
            comparisons.JaroWinklerAtThresholds("name", [0.95, 0.88, 0.8]).configure(term_frequency_adjustments=True),
            comparisons.ExactMatch("native_id"), comparisons.ExactMatch("developer").configure(term_frequency_adjustments=True),
            comparisons.ExactMatch("domain")],
        retain_intermediate_calculation_columns=False, retain_matching_columns=False)
    api = DuckDBAPI(connection=connection)
    linker = Linker(api.register("mentions") if hasattr(api, "register") else "mentions", settings)
    linker.training.estimate_probability_two_random_records_match([block_on("native_id"), block_on("name", "kind")], recall=0.7)
    linker.training.estimate_u_using_random_sampling(max_pairs=RANDOM_PAIRS, seed=1)
    linker.training.estimate_parameters_using_expectation_maximisation(block_on("native_id"))
    linker.training.estimate_parameters_using_expectation_maximisation(block_on("name", "kind"))
    predictions = linker.inference.predict(threshold_match_probability=THRESHOLDS[0])
    predicted = time.perf_counter() - started
    clusters = {}
    for threshold in THRESHOLDS:
        begun = time.perf_counter()
        found = linker.clustering.cluster_pairwise_predictions_at_threshold(predictions, threshold_match_probability=threshold)
        clusters[threshold] = time.perf_counter() - begun
        rows = found.as_duckdbpyrelation().project("unique_id, cluster_id")
        rows.write_csv(str(arguments.out) + f".{threshold}.csv", header=True)
    print(json.dumps({"splink": splink.__version__, "duckdb": duckdb.__version__, "seconds_to_predictions": predicted,
                      "cluster_seconds": clusters}))


if __name__ == "__main__":
    main()
