// First paint of a page in Chromium, five times with nothing kept, as PerformancePaintTiming has it; and which scripts block it.
//
//     node paint.mjs http://127.0.0.1:7171/
import { createRequire } from "node:module";

const require = createRequire(new URL("../web/package.json", import.meta.url));
const { chromium } = require("playwright-core");
const address = process.argv[2];
const VISITS = 5;

const browser = await chromium.launch({
  executablePath: process.env.CROWSNEST_CHROMIUM ?? process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});

async function visit() {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  const page = await context.newPage();
  await page.goto(address, { waitUntil: "networkidle" });
  const seen = await page.evaluate(() => {
    const paints = Object.fromEntries(performance.getEntriesByType("paint").map((entry) => [entry.name, entry.startTime]));
    const resources = performance.getEntriesByType("resource");
    const scripts = resources.filter((entry) => entry.name.split("?")[0].endsWith(".js"));
    return {
      firstPaint: paints["first-paint"],
      firstContentfulPaint: paints["first-contentful-paint"],
      blocking: scripts.filter((entry) => entry.renderBlockingStatus === "blocking").map((entry) => new URL(entry.name).pathname),
    };
  });
  await context.close();
  return seen;
}

try {
  // The first visit starts the browser's own processes.
  await visit();
  const seen = [];
  for (let number = 0; number < VISITS; number += 1) seen.push(await visit());
  console.log(JSON.stringify({
    first_paint_ms: seen.map((one) => one.firstPaint),
    first_contentful_paint_ms: seen.map((one) => one.firstContentfulPaint),
    blocking_scripts: [...new Set(seen.flatMap((one) => one.blocking))],
  }));
} finally {
  await browser.close();
}
