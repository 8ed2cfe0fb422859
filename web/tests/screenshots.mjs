// Saves a picture of every page, on a desktop and a phone, light and dark, English and Chinese:
//   CROWSNEST_URL=http://127.0.0.1:7171 node tests/screenshots.mjs FOLDER [PAGE…]
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { launch, pages } from "./browser.mjs";

const [folder, ...wanted] = process.argv.slice(2);
if (!folder) throw new Error("say which folder the pictures go to");
await mkdir(folder, { recursive: true });
const looks = [
  { name: "desktop-light-en", width: 1280, height: 900, colorScheme: "light", lang: "en" },
  { name: "desktop-dark-zh", width: 1280, height: 900, colorScheme: "dark", lang: "zh-Hans" },
  { name: "phone-light-zh", width: 360, height: 780, colorScheme: "light", lang: "zh-Hant" },
  { name: "phone-dark-en", width: 360, height: 780, colorScheme: "dark", lang: "en" },
];
const browser = await launch();
try {
  const all = await pages();
  for (const look of looks) {
    const { width, height, colorScheme } = look;
    const context = await browser.newContext({ viewport: { width, height }, colorScheme });
    const page = await context.newPage();
    for (const { name, path } of all.filter((found) => wanted.length === 0 || wanted.includes(found.name))) {
      const address = new URL(path, process.env.CROWSNEST_URL);
      address.searchParams.set("lang", look.lang);
      await page.goto(address.href, { waitUntil: "networkidle", timeout: 120_000 });
      await page.screenshot({ path: join(folder, `${name}-${look.name}.png`), fullPage: true });
    }
    await context.close();
  }
} finally {
  await browser.close();
}
