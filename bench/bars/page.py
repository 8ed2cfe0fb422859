"""Bar 3: a product page of a market with a million claims, at 50 requests a second from this machine."""

import json
import subprocess
import time

import load
import measure
import report

P95_MS_MAX = 50.0
PAGES_MAX = 40
START_SECONDS_MAX = 120


def measure_page(run):
    market = run.arguments.page_market or example_market(run)
    _, n_claims = measure.delta_files(market / "lake/claims")
    port = measure.free_port()
    command = [str(part) for part in run.crowsnest("serve", "--market", market, "--listen", f"127.0.0.1:{port}")]
    log_path = run.data / "serve.log"
    with open(log_path, "wb") as log:
        server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            wait_until_up(server, port, log_path)
            pages = product_pages(port)
            run.say(f"warming {len(pages)} product pages")
            load.load("127.0.0.1", port, pages, 10, 2 * len(pages) / 10)
            run.say(f"{run.arguments.page_rate} requests a second for {run.arguments.page_seconds} s")
            done = load.load("127.0.0.1", port, pages, run.arguments.page_rate, run.arguments.page_seconds)
        finally:
            if server.returncode is None:
                server.terminate()
                _, usage = measure.wait(server, 30)
    return section(run, done, usage.ru_maxrss * 1024, n_claims, len(pages))


def example_market(run):
    market = run.data / "example-market"
    stamp = run.data / "example-market.done"
    if not stamp.exists():
        run.say("building the example market")
        measure.run(run.crowsnest("demo", "--once", "--market", market), ok_codes=(0, 2))
        stamp.touch()
    return market


def wait_until_up(server, port, log_path):
    deadline = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < deadline:
        try:
            load.get("127.0.0.1", port, "/healthz")
            return
        except OSError:
            pass
        if server.poll() is not None:
            break
        time.sleep(0.1)
    raise measure.ChildFailed(f"the server did not start\n{log_path.read_text()[-2000:]}")


def product_pages(port):
    """The products with the most claims (their pages are the heaviest), and others from all over the list."""
    rows = rows_of(load.get("127.0.0.1", port, "/products.json?limit=2000"))
    heaviest = sorted(rows, key=lambda row: -(row.get("n_claims") or 0))
    spread = rows[:: max(1, len(rows) // (PAGES_MAX // 2))]
    chosen = {row["entity"]: None for row in heaviest[: PAGES_MAX // 2] + spread}
    pages = [f"/product/{entity}" for entity in list(chosen)[:PAGES_MAX]]
    if not pages:
        raise measure.ChildFailed("the market has no products to show")
    return pages


def rows_of(text):
    answer = json.loads(text)
    return answer["rows"] if isinstance(answer, dict) else answer


def section(run, done, peak_bytes, n_claims, n_pages):
    right = [one for one in done if one.get("status") == 200]
    lines = [report.check("pages that failed", len(done) - len(right), 0, "")]
    own = [one["server_ms"] for one in right if one["server_ms"] is not None]
    has_own_time = len(own) == len(right) > 0
    due = [one["from_due_ms"] for one in right]
    judged = own if has_own_time else due
    if judged:
        words = "the server's own word" if has_own_time else "from when it was due, at the client"
        for share, name in ((0.50, "p50"), (0.95, "p95"), (0.99, "p99")):
            line = report.check(f"product page {name}", measure.percentile(judged, share), P95_MS_MAX, "ms", note=words)
            lines.append(line if name == "p95" else {**line, "informative": True})
    if has_own_time:
        line = report.check("product page p95", measure.percentile(due, 0.95), P95_MS_MAX, "ms", note="at the client")
        lines.append({**line, "informative": True})
    lines.append({**report.check("memory of the server, peak", peak_bytes, 0, "bytes"), "informative": True})
    lines.append(report.check("claims short of a million", max(0, 1_000_000 - n_claims), 0, ""))
    size = sum(one["n_bytes"] for one in right) / max(1, len(right))
    errors = sorted({one["error"] for one in done if "error" in one} | {str(one["status"]) for one in done if "status" in one})
    notes = [
        f"{n_claims:,} claims; {len(done):,} requests over {n_pages} pages, {run.arguments.page_rate} a second; "
        f"{size / 1024:.1f} KiB a page as sent (gzip); answers: {', '.join(errors)}.",
        "The load generator runs on the same cores as the server.",
    ]
    return {"title": "Bar 3: product page", "lines": lines, "notes": notes}
