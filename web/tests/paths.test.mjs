// What people do: find a product by its pinyin, read a chart, ask as of a day, open a number down to its bytes.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, test } from "node:test";
import { entity, json, launch, site } from "./browser.mjs";

let browser;
let page;
before(async () => {
  browser = await launch();
  page = await (await browser.newContext({ viewport: { width: 1280, height: 900 } })).newPage();
});
after(() => browser?.close());

const open = (path) => page.goto(new URL(path, site).href, { waitUntil: "networkidle" });

test("search finds 豆包 by doubao, with the keyboard alone", async () => {
  await open("/?lang=zh-Hans");
  await page.keyboard.press("/");
  await page.keyboard.type("doubao");
  const first = page.locator("#suggestions a").first();
  await first.waitFor();
  assert.match(await first.innerText(), /^豆包/);
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/product\/[0-9a-f]{16}/);
  assert.equal(await page.locator("h1").innerText(), "豆包");
});

test("names are found in every script", async () => {
  const wanted = await entity("豆包", "product");
  for (const typed of ["doubao", "Doubao", "豆包", "ＤＯＵＢＡＯ", "db"]) {
    const found = await json(`/products.json?search=${encodeURIComponent(typed)}`);
    assert.ok(found.slice(0, 8).some((row) => row.entity === wanted), typed);
  }
  const [simplified, traditional] = [await entity("腾讯云", "company"), await entity("騰訊雲", "company")];
  assert.equal(simplified, traditional);
});

test("the chart shows every claim, the restated ones too", async () => {
  const doubao = await entity("豆包", "product");
  const { rows } = await json(`/product/${doubao}.json?metric=mau`);
  await open(`/product/${doubao}?lang=en`);
  const shown = await page.evaluate(() => {
    const options = window.crowsnestCharts.mau.getOption();
    return options.series.filter((series) => series.type === "line").flatMap((series) => series.data.filter((point) => point.claim).map((point) => [point.claim, point.value[1]]));
  });
  const expected = rows.map((row) => [row.claim, row.value]);
  const ordered = (pairs) => pairs.map(([claim, value]) => `${claim} ${value}`).sort();
  assert.deepEqual(ordered(shown), ordered(expected));
  // AI产品榜 on 2024-12, 7116萬: the first fact of the collection.
  assert.ok(shown.some(([, value]) => value === 71_160_000));
  const sources = new Set(rows.map((row) => row.source));
  const legend = await page.locator('[data-metric="mau"] .legend li').allInnerTexts();
  for (const source of sources) assert.ok(legend.some((label) => label.startsWith(source)), source);
});

test("a figure opens to its claim, its document and the bytes as they arrived", async () => {
  await open("/league?metric=tender_amount&period=2024-11&lang=zh-Hans");
  const lines = page.locator("main table tbody tr");
  for (const [index, name] of ["腾讯云", "阿里云", "火山引擎", "智谱"].entries()) {
    assert.match(await lines.nth(index).innerText(), new RegExp(name));
  }
  await lines.first().locator("a.figure.reported").click();
  await page.waitForURL(/\/claim\//);
  assert.match(await page.locator(".claim-card").innerText(), /12912萬|129,120,000/);
  await page.locator("#document-link").click();
  await page.waitForURL(/\/document\/[0-9a-f]{64}/);
  assert.match(await page.locator("tr#record").innerText(), /騰訊雲|腾讯云/);
  const sha256 = page.url().match(/[0-9a-f]{64}/)[0];
  const raw = await fetch(new URL(`/document/${sha256}/raw`, site));
  assert.match(raw.headers.get("content-security-policy"), /sandbox/);
  const bytes = Buffer.from(await raw.arrayBuffer());
  assert.equal(createHash("sha256").update(bytes).digest("hex"), sha256);
});

test("as of a day, only what was known by then", async () => {
  const market = await entity("大模型招投标市场", "segment");
  for (const [day, figure] of [["2025-02-01", "1,520"], ["2025-12-31", "1,521"]]) {
    await open(`/product/${market}?as_of=${day}&lang=en`);
    const row = page.locator("section#tender_wins tbody tr", { has: page.locator("th", { hasText: /^2024$/ }) });
    assert.match(await row.first().innerText(), new RegExp(figure), day);
  }
  assert.match(await page.locator(".as-of-note").innerText(), /2025-12-31/);
});

test("a rumour, its denial and its confirmation stand in order", async () => {
  const events = await json("/events.json");
  const denied = events.find((event) => event.status === "denied");
  assert.ok(denied, "no denial in the market");
  await open("/events?lang=en");
  const story = page.locator(".story", { has: page.locator(".badge.denied") }).first();
  // Some sayings have no day of their own; they stand where the earliest day that they allow puts them.
  const days = (await story.locator("time").allInnerTexts()).filter((day) => day !== "–");
  assert.ok(days.length > 1);
  assert.deepEqual(days, [...days].sort());
});

test("colours switch in place and stay", async () => {
  await open("/");
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const before = await ground();
  await page.click("#theme");
  assert.notEqual(await ground(), before);
  const after = await ground();
  await open("/sources");
  assert.equal(await ground(), after);
  await page.click("#theme");
});

test("what does not exist is told with what to do", async () => {
  const response = await page.goto(new URL("/product/0000000000000000", site).href);
  assert.equal(response.status(), 404);
  assert.ok((await page.locator("main p").count()) >= 2);
  const league = await fetch(new URL("/league.json?metric=nonsense", site));
  assert.ok([400, 404].includes(league.status));
  assert.ok((await league.json()).hint);
});
