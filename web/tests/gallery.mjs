// Makes the pictures of the guide's gallery anew, from the example market:
//   crowsnest demo --once --market DIR && crowsnest --market DIR serve --listen 127.0.0.1:7195
//   CROWSNEST_URL=http://127.0.0.1:7195 node tests/gallery.mjs [NAME…]
// The first page of the report as PDF is drawn by pdftoppm (poppler-utils), which has to be installed. Each is one WebP in docs/book/src/gallery; together they stay below 1.5 MB, so that a clone stays small.
import { execFileSync } from "node:child_process";
import { mkdir, readdir, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { entity, json, launch } from "./browser.mjs";

const folder = join(dirname(fileURLToPath(import.meta.url)), "../../docs/book/src/gallery");
const ALL_BYTES_MAX = 1_500_000;
const QUALITY = 82;
const desktop = { width: 1280, height: 860, scale: 1.25 };
const sheet = { width: 1000, height: 1414 };
const phone = { width: 390, height: 800, scale: 2 };

const doubao = await entity("豆包", "product");
const claims = await json(`/product/${doubao}.json?metric=mau`);
const claim = claims.rows.find((row) => row.document);
const pictures = [
  { name: "overview", path: "/", screen: desktop, colours: "light", lang: "en" },
  { name: "product", path: `/product/${doubao}`, screen: desktop, colours: "dark", lang: "en" },
  { name: "league", path: "/league?metric=mau&period=2024-12", screen: desktop, colours: "light", lang: "zh-Hans" },
  { name: "as-of", path: `/product/${doubao}?as_of=2025-02-01`, screen: desktop, colours: "light", lang: "en" },
  { name: "claim", path: `/claim/${claim.claim}`, screen: desktop, colours: "light", lang: "en" },
  { name: "breakouts", path: "/breakouts", screen: desktop, colours: "dark", lang: "en" },
  { name: "worth", path: "/sources/worth", screen: desktop, colours: "light", lang: "en" },
  { name: "tenders", path: "/tenders", screen: desktop, colours: "dark", lang: "zh-Hant" },
  { name: "digest", path: "/digest?days=30", screen: desktop, colours: "light", lang: "en" },
  { name: "report-pdf", path: "/report/monthly.pdf?lang=zh-Hans", screen: sheet },
  { name: "phone-overview", path: "/", screen: phone, colours: "dark", lang: "en" },
  { name: "phone-product", path: `/product/${doubao}`, screen: phone, colours: "light", lang: "zh-Hans" },
];

/** What is on the screen, as WebP, which the browser writes itself. */
async function shot(context, page) {
  const protocol = await context.newCDPSession(page);
  const { data } = await protocol.send("Page.captureScreenshot", { format: "webp", quality: QUALITY });
  return Buffer.from(data, "base64");
}

/** The first page of a PDF. */
async function printed(browser, { path, screen }) {
  const response = await fetch(new URL(path, process.env.CROWSNEST_URL));
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  const pdf = Buffer.from(await response.arrayBuffer());
  const pixels = ["-png", "-f", "1", "-l", "1", "-scale-to-x", `${screen.width}`, "-scale-to-y", "-1", "-"];
  const png = execFileSync("pdftoppm", pixels, { input: pdf, maxBuffer: 1 << 26 });
  const context = await browser.newContext({ viewport: { width: screen.width, height: screen.height } });
  const page = await context.newPage();
  const address = `data:image/png;base64,${png.toString("base64")}`;
  await page.setContent(`<body style="margin:0"><img style="display:block" src="${address}">`, { waitUntil: "load" });
  const bytes = await shot(context, page);
  await context.close();
  return bytes;
}

async function picture(browser, { path, screen, colours, lang }) {
  const context = await browser.newContext({
    viewport: { width: screen.width, height: screen.height },
    deviceScaleFactor: screen.scale,
    colorScheme: colours,
    reducedMotion: "reduce",
  });
  const page = await context.newPage();
  const address = new URL(path, process.env.CROWSNEST_URL);
  address.searchParams.set("lang", lang);
  const response = await page.goto(address.href, { waitUntil: "networkidle", timeout: 120_000 });
  if (!response.ok()) throw new Error(`${address}: ${response.status()}`);
  const bytes = await shot(context, page);
  await context.close();
  return bytes;
}

const wanted = process.argv.slice(2);
await mkdir(folder, { recursive: true });
const browser = await launch();
try {
  for (const one of pictures.filter(({ name }) => wanted.length === 0 || wanted.includes(name))) {
    const bytes = await (one.path.includes(".pdf") ? printed : picture)(browser, one);
    await writeFile(join(folder, `${one.name}.webp`), bytes);
    console.log(`${one.name}: ${Math.round(bytes.length / 1000)} kB`);
  }
} finally {
  await browser.close();
}
const sizes = await Promise.all((await readdir(folder)).map(async (name) => (await stat(join(folder, name))).size));
const all = sizes.reduce((sum, size) => sum + size, 0);
console.log(`all: ${Math.round(all / 1000)} kB`);
if (all > ALL_BYTES_MAX) throw new Error(`the gallery has ${all} bytes, more than ${ALL_BYTES_MAX}`);
