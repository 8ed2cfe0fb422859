"""The peer that collects: dlt, pages of a JSON interface into DuckDB. A process of its own.

    peer_dlt.py --address http://127.0.0.1:PORT --sources 10 --rows 50 --folder FOLDER

One resource for each source, all into one table; pages are extracted side by side, normalised in two processes, and
loaded from Parquet files, which is the fastest of dlt's ways into DuckDB that we know. Prints what it loaded as JSON.
"""

import argparse
import json
import os
import sys
from pathlib import Path


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--address", required=True)
    parser.add_argument("--sources", type=int, required=True)
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--folder", type=Path, required=True)
    print(json.dumps(load(parser.parse_args())))


def load(arguments):
    prepare(arguments)
    import dlt
    import duckdb

    database = arguments.folder / "peer.duckdb"
    pipeline = dlt.pipeline("bench", pipelines_dir=str(arguments.folder / "pipelines"), dataset_name="market",
                            destination=dlt.destinations.duckdb(str(database)))
    resources = [resource_of(dlt, arguments, source) for source in range(arguments.sources)]
    pipeline.run(resources, table_name="figures", write_disposition="append", loader_file_format="parquet")
    with duckdb.connect(str(database), read_only=True) as connection:
        n_rows, total = connection.execute("SELECT count(*), sum(value) FROM market.figures").fetchone()
    return {"n_rows": n_rows, "sum": int(total), "dlt": dlt.__version__, "duckdb": duckdb.__version__}


def prepare(arguments):
    """Settings, before dlt looks for them; it is not to tell anybody of us."""
    os.environ |= {
        "RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "ERROR", "NORMALIZE__WORKERS": str(arguments.workers),
        "EXTRACT__WORKERS": str(arguments.sources), "EXTRACT__MAX_PARALLEL_ITEMS": str(2 * arguments.sources),
        "LOAD__WORKERS": str(arguments.workers), "DLT_DATA_DIR": str(arguments.folder / "dlt"),
    }


def resource_of(dlt, arguments, source):
    from dlt.sources.helpers.rest_client import RESTClient
    from dlt.sources.helpers.rest_client.paginators import PageNumberPaginator

    @dlt.resource(name=f"source_{source:02}", parallelized=True)
    def pages():
        client = RESTClient(base_url=f"{arguments.address}/{source}", data_selector="data",
                            paginator=PageNumberPaginator(base_page=1, total_path=None, stop_after_empty_page=True))
        yield from client.paginate("/figures")

    return pages


if __name__ == "__main__":
    sys.exit(main())
