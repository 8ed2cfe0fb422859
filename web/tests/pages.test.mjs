// Every page in a real browser: it renders, in three languages, light and dark, on a desk and on a phone; it works
// without JavaScript; axe finds nothing wrong with it; it asks nobody else; and the same address gives data.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { faults } from "./access.mjs";
import { json, launch, pages, site } from "./browser.mjs";

let browser;
let all;
before(async () => {
  browser = await launch();
  all = await pages();
});
after(() => browser?.close());

const LOOKS = [
  { name: "desk, light, English", width: 1280, height: 900, colorScheme: "light", lang: "en", byAxe: true },
  { name: "phone, dark, 简体", width: 360, height: 780, colorScheme: "dark", lang: "zh-Hans", byAxe: true },
  { name: "phone, light, 繁體", width: 360, height: 780, colorScheme: "light", lang: "zh-Hant" },
];

/** A tab that notes every complaint of the browser and every request to somebody else. */
async function watchedPage({ width, height, ...options }) {
  const context = await browser.newContext({ viewport: { width, height }, ...options });
  const page = await context.newPage();
  const complaints = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("request", (request) => {
    if (new URL(request.url()).origin !== new URL(site).origin) complaints.push(`asked ${request.url()}`);
  });
  page.on("response", (response) => {
    if (response.status() >= 400) complaints.push(`${response.status()} ${response.url()}`);
  });
  return { page, complaints, close: () => context.close() };
}

function inLanguage(path, lang) {
  const address = new URL(path, site);
  address.searchParams.set("lang", lang);
  return address.href;
}

for (const look of LOOKS) {
  test(`every page renders: ${look.name}`, async () => {
    const { width, height, colorScheme, lang, byAxe } = look;
    const { page, complaints, close } = await watchedPage({ width, height, colorScheme });
    const wrong = [];
    for (const { name, path } of all) {
      await page.goto(inLanguage(path, lang), { waitUntil: "networkidle" });
      const seen = await page.evaluate(() => ({
        lang: document.documentElement.lang,
        headings: document.querySelectorAll("h1").length,
        text: document.querySelector("main")?.innerText.length ?? 0,
        overflow: document.documentElement.scrollWidth - window.innerWidth,
        unlabelled: [...document.querySelectorAll("input:not([type=hidden]), select")].filter(
          (field) => !field.labels?.length && !field.getAttribute("aria-label"),
        ).length,
        drawn: [...document.querySelectorAll("[data-chart]")].filter((chart) => chart.dataset.drawn !== "true").length,
      }));
      assert.equal(seen.lang, lang, name);
      assert.equal(seen.headings, 1, `${name}: headings of the first rank`);
      // Chinese says in half as many characters what English does.
      assert.ok(seen.text > (lang === "en" ? 40 : 20), `${name} is empty`);
      assert.ok(seen.overflow <= 0, `${name} is ${seen.overflow} px wider than the screen`);
      assert.equal(seen.unlabelled, 0, `${name}: fields without a label`);
      assert.equal(seen.drawn, 0, `${name}: charts that were not drawn`);
      assert.deepEqual(complaints, [], name);
      if (byAxe) wrong.push(...(await faults(page)).map((fault) => `${name}: ${fault}`));
    }
    assert.deepEqual(wrong, []);
    await close();
  });
}

test("axe finds nothing where nobody is logged in, and where nothing is", async () => {
  const { page, close } = await watchedPage({ width: 1280, height: 900 });
  for (const path of ["/login", "/nowhere", "/product/0000000000000000"]) {
    await page.goto(inLanguage(path, "en"));
    assert.deepEqual(await faults(page), [], path);
  }
  await close();
});

test("every address is also data", async () => {
  for (const { name, path } of all) {
    const [where, query] = path.split("?");
    const as = (ending) => `${where}${ending}${query ? `?${query}` : ""}`;
    const answer = await json(as(".json"));
    const rows = Array.isArray(answer) ? answer : answer.rows;
    // Nothing runs on a cluster, nothing is collected, and nobody decides, notes, saves or logs in while the pages are looked at.
    const columnsOfNothing = { cluster: 4, source: 16, collecting: 16, bandits: 7, digest: 16, account: 7, audit: 5, users: 6, views: 3, notes: 8 }[name];
    assert.ok(rows.length > 0 || columnsOfNothing, `${name}: no rows`);
    const csv = await fetch(new URL(as(".csv"), site));
    assert.match(csv.headers.get("content-type"), /^text\/csv/, name);
    assert.equal((await csv.text()).split("\n")[0].split(",").length, rows.length > 0 ? Object.keys(rows[0]).length : columnsOfNothing, name);
    const parquet = Buffer.from(await (await fetch(new URL(as(".parquet"), site))).arrayBuffer());
    assert.equal(parquet.subarray(0, 4).toString(), "PAR1", name);
    assert.equal(parquet.subarray(-4).toString(), "PAR1", name);
  }
});

test("without JavaScript: search, league table, chart", async () => {
  const { page, complaints, close } = await watchedPage({ width: 1280, height: 900, javaScriptEnabled: false });
  await page.goto(inLanguage("/", "zh-Hans"));
  await page.fill("#search", "doubao");
  await page.press("#search", "Enter");
  await page.getByRole("link", { name: "豆包", exact: true }).first().click();
  assert.match(page.url(), /\/product\/[0-9a-f]{16}/);
  assert.ok((await page.locator('[data-metric="mau"] svg.drawing a').count()) > 10, "points of the drawing");
  await page.goto(inLanguage("/league?metric=tender_amount&period=2024-11", "en"));
  await page.selectOption('select[name="metric"]', "tender_wins");
  await page.click("#league-form button");
  assert.match(page.url(), /metric=tender_wins/);
  assert.ok((await page.locator("main table tbody tr").count()) > 3);
  assert.deepEqual(complaints, []);
  await close();
});
