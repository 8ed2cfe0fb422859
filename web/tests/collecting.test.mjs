// Collecting as people watch it: a source that is fetched while the pages are open, one whose form changed, one that
// fails. The sources' server is here, on this machine; the market is made for the test and thrown away.
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { launch } from "./browser.mjs";

const program = resolve(process.env.CROWSNEST ?? "../target/debug/crowsnest");
const run = promisify(execFile);
let folder, market, origin, browser, context, page, address, server;
/** What the sources' server does: set by the tests. */
const mood = { isChanged: false, waitMs: 0 };

const answers = createServer(async (request, response) => {
  const [, from, name] = request.url.match(/range\/([\d-]+):[\d-]+\/(.+)$/) ?? [];
  if (!name || name === "broken") {
    response.writeHead(500).end("out of order <script>document.title = 'broken in'</script>");
    return;
  }
  await new Promise((done) => setTimeout(done, mood.waitMs));
  const start = Date.parse(from);
  const day = (n) => new Date(start + n * 86_400_000).toISOString().slice(0, 10);
  const downloads = (n) => (mood.isChanged ? `<i>${n}</i>` : 1000 + n);
  const days = [...Array(5).keys()].map((n) => ({ day: day(n), downloads: downloads(n) }));
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify({ package: decodeURIComponent(name), downloads: days }));
});

const source = (name, packages, more = "") => `
name = "${name}"
licence = "for tests"
owner = "Mei"
[cost]
currency = "USD"
per_call = 0.5
budget_per_month = 20.0
[collect]
connector = "npm_downloads"
requests_per_minute = 6000.0
retry_max = 0
allow_private_addresses = true
${more}
[options]
base = "${origin}"
packages = [${packages.map((one) => `"${one}"`).join(", ")}]
`;

const crowsnest = (...parameters) =>
  run(program, [...parameters, "--market", market]).catch((failure) => {
    // 2: some sources failed, which these are there for.
    if (![1, 2].includes(failure.code)) throw failure;
  });

before(async () => {
  await new Promise((done) => answers.listen(0, "127.0.0.1", done));
  origin = `http://127.0.0.1:${answers.address().port}`;
  folder = await mkdtemp(join(tmpdir(), "crowsnest-"));
  market = join(folder, "market");
  await run(program, ["new", "--name", "watched", market]);
  await writeFile(join(market, "sources/npm.toml"), source("npm", ["openai", "@anthropic-ai/sdk"]));
  await writeFile(join(market, "sources/broken.toml"), source("Broken", ["broken"], 'schedule = "0 0 1 1 *"'));
  await crowsnest("collect");
  mood.isChanged = true;
  await crowsnest("collect", "npm");
  mood.isChanged = false;
  server = spawn(program, ["serve", "--no-collect", "--listen", "127.0.0.1:0", "--market", market]);
  address = await new Promise((found, failed) => {
    server.stdout.on("data", (text) => {
      const told = String(text).match(/http:\/\/[\d.]+:\d+/);
      if (told) found(told[0]);
    });
    server.on("exit", () => failed(new Error("the server ended")));
  });
  browser = await launch();
  context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  page = await context.newPage();
});

after(async () => {
  await browser?.close();
  server?.kill();
  answers.close();
  await rm(folder, { recursive: true, force: true });
});

const open = (path) => page.goto(new URL(path, address).href);

test("the sources tell how collecting goes", async () => {
  await open("/sources?lang=en");
  const row = (name) => page.locator("table.runs tbody tr", { has: page.getByRole("link", { name, exact: true }) });
  assert.match(await row("npm").innerText(), /quarantined/);
  assert.match(await row("npm").innerText(), /\$2\s+of \$20/);
  assert.match(await row("Broken").innerText(), /failed[\s\S]*late/);
  assert.match(await row("Broken").locator("xpath=following-sibling::tr[1]").innerText(), /Last error: .* answers 500/);
  assert.notEqual(await page.title(), "broken in");
  await row("npm").getByRole("link", { name: "npm", exact: true }).click();
  assert.equal(await page.locator("h1").innerText(), "npm");
});

test("a source shows its history, its quarantine with the differences, and its ledger", async () => {
  await open("/source?name=npm&lang=en");
  const held = page.locator("article.held").first();
  assert.match(await held.innerText(), /crowsnest source accept \d/);
  assert.ok((await held.locator(".diff del, .diff ins").count()) > 0, "the differences");
  assert.equal(await page.locator(".diff i").count(), 0, "a difference is text");
  assert.ok((await page.locator("figure.bars rect").count()) >= 3);
  await page.locator("summary").click();
  assert.match(await page.locator("details table").first().innerText(), /10/);
  assert.equal(await page.locator("table.ledger tbody tr").count(), 4);
});

test("the overview follows what is collected, until it is told to stop", async () => {
  await open("/?lang=en");
  const part = page.locator("#collecting");
  assert.match(await part.innerText(), /Late: Broken/);
  assert.match(await part.innerText(), /In quarantine: npm/);
  // Longer than the page waits between two looks while nothing goes on.
  mood.waitMs = 14_000;
  const going = crowsnest("collect", "npm", "--again");
  await part.locator(".badge.running").waitFor({ timeout: 40_000 });
  await going;
  await page.waitForFunction(() => !document.querySelector("#collecting .badge.running"), null, { timeout: 20_000 });
  mood.waitMs = 0;
  await page.getByRole("button", { name: "Pause" }).click();
  const shown = await part.innerText();
  await crowsnest("collect", "npm", "--again");
  await page.waitForTimeout(3000);
  assert.equal(await part.innerText(), shown, "what was halted stays");
  await page.getByRole("button", { name: "Follow" }).click();
});

test("on a phone, in the dark and in Chinese nothing is wider than the screen", async () => {
  const phone = await browser.newContext({ viewport: { width: 360, height: 780 }, colorScheme: "dark" });
  const tab = await phone.newPage();
  for (const path of ["/", "/sources", "/source?name=npm", "/source?name=Broken", "/collecting"]) {
    for (const lang of ["en", "zh-Hans", "zh-Hant"]) {
      const where = new URL(path, address);
      where.searchParams.set("lang", lang);
      await tab.goto(where.href);
      const seen = await tab.evaluate(() => ({
        overflow: document.documentElement.scrollWidth - window.innerWidth,
        headings: document.querySelectorAll("h1").length,
        keys: document.querySelector("main").innerText.match(/\b(run|source|sources|collecting|outcome|live)\.[a-z_]+\b/g),
      }));
      assert.deepEqual(seen, { overflow: 0, headings: 1, keys: null }, `${path} in ${lang}`);
    }
  }
  await phone.close();
});
