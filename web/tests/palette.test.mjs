// The command palette, the keys, saved views, comparing, notes and pictures: by keyboard alone, and without a script.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { entity, json, launch, site } from "./browser.mjs";

let browser;
let page;
before(async () => {
  browser = await launch();
  page = await (await browser.newContext({ viewport: { width: 1280, height: 900 }, acceptDownloads: true })).newPage();
});
after(() => browser?.close());

const open = (path) => page.goto(new URL(path, site).href, { waitUntil: "networkidle" });
const palette = () => page.locator("dialog#command-palette");

async function plainPage() {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, javaScriptEnabled: false });
  return { plain: await context.newPage(), close: () => context.close() };
}

test("the palette opens by key, finds a page, and gives the focus back", async () => {
  await open("/?lang=en");
  await page.focus("#search");
  await page.keyboard.press("Control+k");
  await palette().waitFor();
  const field = palette().getByRole("combobox");
  assert.ok(await field.evaluate((own) => own === document.activeElement));
  await palette().locator('[role="option"]', { hasText: "Movers" }).waitFor();
  await page.keyboard.press("Escape");
  assert.equal(await palette().count(), 0);
  assert.equal(await page.evaluate(() => document.activeElement.id), "search");
  await page.keyboard.press("Control+k");
  await page.keyboard.type("movers");
  const chosen = palette().locator('[aria-selected="true"]');
  assert.match(await chosen.innerText(), /Movers/);
  const active = await field.getAttribute("aria-activedescendant");
  assert.equal(await chosen.getAttribute("id"), active);
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/movers/);
});

test("a palette that the server did not give is asked for again when it is opened again", async () => {
  await open("/?lang=en");
  await page.route("**/palette.json*", (route) => route.abort(), { times: 1 });
  await page.keyboard.press("Control+k");
  await palette().getByText("The server did not answer").waitFor();
  assert.equal(await palette().locator('[role="option"]', { hasText: "Movers" }).count(), 0);
  await page.keyboard.press("Escape");
  await page.keyboard.press("Control+k");
  await palette().locator('[role="option"]', { hasText: "Movers" }).waitFor();
  await page.keyboard.press("Escape");
});

test("the focus stays inside while the palette is open", async () => {
  await open("/?lang=en");
  await page.locator("#palette").click();
  await palette().waitFor();
  for (let n = 0; n < 6; n++) {
    await page.keyboard.press("Tab");
    const place = await page.evaluate(() => (document.activeElement === document.body ? "body" : document.activeElement.closest("dialog") ? "dialog" : document.activeElement.outerHTML));
    // Browsers may let the focus go round by way of their own bar, never into the page.
    assert.ok(["dialog", "body"].includes(place), place);
  }
  await page.getByRole("button", { name: "Close" }).click();
  assert.equal(await palette().count(), 0);
});

test("the palette finds products by pinyin, metrics, and switches the language", async () => {
  await open("/?lang=en");
  await page.keyboard.press("Control+k");
  await page.keyboard.type("doubao");
  await palette().locator('[role="option"]', { hasText: /Doubao|豆包/ }).first().waitFor();
  await palette().locator('[role="option"]', { hasText: /Doubao|豆包/ }).first().click();
  await page.waitForURL(/\/product\/[0-9a-f]{16}/);
  await page.keyboard.press("Control+k");
  await page.keyboard.type("language 繁");
  await page.keyboard.press("Enter");
  await page.waitForURL(/lang=zh-Hant/);
  assert.equal(await page.evaluate(() => document.documentElement.lang), "zh-Hant");
});

test("keys go to pages, list themselves, and can be switched off", async () => {
  await open("/?lang=en");
  await page.keyboard.press("g");
  await page.keyboard.press("l");
  await page.waitForURL(/\/league/);
  await page.keyboard.press("?");
  const keys = page.locator("dialog#key-list");
  await keys.locator("dd", { hasText: "League" }).first().waitFor();
  await keys.locator('input[type="checkbox"]').uncheck();
  await page.keyboard.press("Escape");
  await page.keyboard.press("g");
  await page.keyboard.press("m");
  await page.waitForTimeout(300);
  assert.match(page.url(), /\/league/, "single keys are off");
  await page.keyboard.press("Control+k");
  await palette().waitFor();
  await page.keyboard.type("keys");
  await page.keyboard.press("Enter");
  await keys.locator('input[type="checkbox"]').check();
  await page.keyboard.press("Escape");
  await page.keyboard.press(".");
  assert.equal(await page.evaluate(() => document.activeElement.id), "as-of");
});

test("rows of the league table are ticked and compared, without a script", async () => {
  const { plain, close } = await plainPage();
  await plain.goto(new URL("/league?metric=mau&period=2024-12&lang=en", site).href);
  const ticks = plain.locator('table.league input[name="name"]');
  await ticks.nth(0).check();
  await ticks.nth(1).check();
  await plain.getByRole("button", { name: "Compare those ticked" }).click();
  assert.match(plain.url(), /\/compare\?metric=mau/);
  assert.equal(await plain.locator(".compared li").count(), 2);
  await plain.locator('form.controls input[name="name"]:not([type="hidden"])').fill("Kimi");
  await plain.locator("form.controls button").click();
  const names = await plain.locator(".compared li > a:first-child").allInnerTexts();
  assert.ok(names.length >= 2 && names.some((name) => /Kimi/.test(name)), names.join());
  await plain.locator(".compared .remove").first().click();
  assert.equal(await plain.locator(".compared li").count(), names.length - 1);
  await plain.locator(".pills a", { hasText: "Indexed to 100" }).click();
  assert.match(plain.url(), /view=index/);
  assert.match(await plain.locator(".notes").innerText(), /100 is each one/);
  await close();
});

test("a compared figure opens to its claims, and lines are told apart without colour", async () => {
  const doubao = await entity("豆包", "product");
  await open(`/compare?name=${doubao}&name=Kimi&metric=mau&lang=en`);
  const dashes = await page.locator("figure.chart path.line").evaluateAll((lines) => lines.map((line) => getComputedStyle(line).strokeDasharray));
  assert.ok(new Set(dashes).size > 1, dashes.join());
  const link = await page.locator("table.compare a.figure").first().getAttribute("href");
  assert.match(link, /^\/(claim|figures)\//);
  const rows = await json(`/compare.json?name=${doubao}&name=Kimi&metric=mau`);
  const drawn = await page.evaluate(() => window.crowsnestCharts.mau.getOption().series.filter((series) => series.type === "line").reduce((sum, series) => sum + series.data.length, 0));
  assert.equal(drawn, rows.length);
});

test("a chart is had as SVG, PNG and CSV", async () => {
  const doubao = await entity("豆包", "product");
  await open(`/product/${doubao}?lang=en`);
  const files = page.locator('figure[data-metric="mau"] .files');
  const svg = await page.request.get(new URL(await files.locator("a", { hasText: "SVG" }).getAttribute("href"), site).href);
  assert.equal(svg.headers()["content-type"], "image/svg+xml");
  const text = await svg.text();
  assert.match(text, /^<svg xmlns/);
  const parsed = await page.evaluate((source) => new DOMParser().parseFromString(source, "image/svg+xml").querySelectorAll("parsererror").length, text);
  assert.equal(parsed, 0, "well-formed");
  const waiting = page.waitForEvent("download");
  await files.locator("a", { hasText: "PNG" }).click();
  const download = await waiting;
  assert.equal(download.suggestedFilename(), "mau.png");
  const chunks = [];
  for await (const chunk of await download.createReadStream()) chunks.push(chunk);
  const png = Buffer.concat(chunks);
  assert.equal(png.subarray(1, 4).toString(), "PNG");
  assert.ok(png.readUInt32BE(16) === 1520 && png.length > 10_000, `${png.readUInt32BE(16)} wide, ${png.length} bytes`);
  const csv = await page.request.get(new URL(await files.locator("a", { hasText: "CSV" }).getAttribute("href"), site).href);
  const lines = (await csv.text()).trim().split("\n");
  const column = lines[0].split(",").indexOf("metric");
  assert.ok(lines.length > 3 && lines.slice(1).every((line) => line.split(",")[column] === "mau"));
});

test("a view is saved from the page, stands in the palette and is removed", async () => {
  await open("/movers?metric=mau&within=2025&lang=en");
  await page.getByRole("button", { name: "Save this view" }).click();
  await page.waitForURL(/\/views\?save=/);
  await page.getByLabel("Name", { exact: true }).fill("who moved");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.waitForURL(/did=saved/);
  await page.keyboard.press("Control+k");
  await palette().waitFor();
  await page.keyboard.type("who moved");
  await palette().locator('[role="option"]', { hasText: "who moved" }).waitFor();
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/movers\?metric=mau/);
  await open("/views?lang=en");
  await page.getByRole("button", { name: "Remove: who moved" }).click();
  await page.waitForURL(/did=removed/);
  assert.equal(await page.locator("table", { hasText: "who moved" }).count(), 0);
});

test("a note is written on a form, marked on the chart as text, and withdrawn", async () => {
  const doubao = await entity("豆包", "product");
  await open(`/notes/${doubao}?metric=mau&lang=en`);
  await page.fill('input[name="day"]', "2024-11-20");
  await page.fill('input[name="words"]', "<img src=x> campaign");
  await page.getByRole("button", { name: "Write it" }).click();
  await page.waitForURL(/did=written/);
  await open(`/product/${doubao}?lang=en`);
  assert.match(await page.locator("section#mau table.annotations").innerText(), /<img src=x> campaign/);
  assert.equal(await page.locator("main img").count(), 0);
  assert.ok(await page.evaluate(() => window.crowsnestCharts.mau.getOption().series.some((series) => series.markLine?.data?.some((mark) => /campaign/.test(mark.name)))));
  await open(`/notes/${doubao}?lang=en`);
  await page.locator("tr", { hasText: "campaign" }).getByRole("button").click();
  await page.waitForURL(/did=withdrawn/);
});
