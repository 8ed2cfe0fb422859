// Asking for rows, against a server on this machine that fails at first.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const ROWS = [{ name: "豆包" }];
/** What was asked, and what the next answers are. */
const asked = [];
let statuses = [];

const server = createServer((request, response) => {
  asked.push(request.url);
  response.writeHead(statuses.shift() ?? 200, { "content-type": "application/json" }).end(JSON.stringify(ROWS));
});
let address;
let fetching;

before(async () => {
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  address = `http://127.0.0.1:${server.address().port}/products.json`;
  const entry = fileURLToPath(new URL("fetching.ts", import.meta.url));
  const made = await build({ entryPoints: [entry], bundle: true, format: "esm", write: false });
  fetching = await import(`data:text/javascript;base64,${Buffer.from(made.outputFiles[0].contents).toString("base64")}`);
});
after(() => {
  server.closeAllConnections?.();
  server.close();
});

test("rows come with the query that was asked, and a no is a failure", async () => {
  const query = new URLSearchParams({ search: "豆 包" });
  assert.deepEqual(await fetching.fetchRows(address, query), ROWS);
  assert.equal(asked.at(-1), "/products.json?search=%E8%B1%86+%E5%8C%85");
  statuses = [503];
  await assert.rejects(fetching.fetchRows(address, query), /answers 503/);
});

test("an answer is kept, a failure is not", async () => {
  const rows = fetching.once(() => fetching.fetchRows(address, new URLSearchParams()));
  const nBefore = asked.length;
  statuses = [503, 401];
  await Promise.all([assert.rejects(rows(), /503/), assert.rejects(rows(), /503/)]);
  assert.equal(asked.length, nBefore + 1, "both waited for one answer");
  await assert.rejects(rows(), /401/);
  assert.deepEqual(await rows(), ROWS);
  assert.deepEqual(await rows(), ROWS);
  assert.equal(asked.length, nBefore + 3, "the answer was kept");
});

test("a server that is not there is asked again, too", async () => {
  let isThere = false;
  const rows = fetching.once(() => fetching.fetchRows(isThere ? address : "http://127.0.0.1:1/", new URLSearchParams()));
  await assert.rejects(rows());
  isThere = true;
  assert.deepEqual(await rows(), ROWS);
});
