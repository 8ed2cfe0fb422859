import { launch } from "./tests/browser.mjs";
import { join } from "node:path";
const [site, folder, password] = process.argv.slice(2);
const looks = [
  { name: "desktop-light-en", width: 1280, height: 900, colorScheme: "light", lang: "en" },
  { name: "desktop-dark-zh", width: 1280, height: 900, colorScheme: "dark", lang: "zh-Hans" },
  { name: "phone-light-en", width: 360, height: 780, colorScheme: "light", lang: "en" },
  { name: "phone-dark-en", width: 360, height: 780, colorScheme: "dark", lang: "en" },
];
const browser = await launch();
for (const look of looks) {
  const { width, height, colorScheme } = look;
  const context = await browser.newContext({ viewport: { width, height }, colorScheme });
  const page = await context.newPage();
  const told = [];
  page.on("console", (m) => { if (["error","warning"].includes(m.type())) told.push(m.text()); });
  const shot = async (name) => {
    await page.waitForLoadState("networkidle");
    const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    if (over > 0) console.log(`${name} ${look.name}: overflow ${over}`);
    await page.screenshot({ path: join(folder, `${name}-${look.name}.png`), fullPage: true });
  };
  const at = (path) => { const u = new URL(path, site); u.searchParams.set("lang", look.lang); return u.href; };
  await page.goto(at("/login")); await shot("login");
  await page.fill("input[name=name]", "ann"); await page.fill("input[name=password]", "wrong wrong wrong"); await page.click("form.sheet button"); await shot("login-wrong");
  await page.fill("input[name=name]", "ann"); await page.fill("input[name=password]", password); await page.click("form.sheet button"); await page.waitForLoadState("networkidle");
  console.log(look.name, "after login", page.url());
  await page.goto(at("/account")); await shot("account");
  await page.fill("input[name=label]", "notebook"); await page.click("form[action='/account/tokens/add'] button"); await shot("account-token");
  await page.goto(at("/review")); await shot("review");
  await page.keyboard.press("u"); await page.waitForLoadState("networkidle"); console.log(page.url()); await shot("review-after");
  await page.goto(at("/product/%E8%B1%86%E5%8C%85")); await shot("product");
  await page.goto(at("/identity/%E8%B1%86%E5%8C%85")); await shot("identity");
  await page.goto(at("/audit")); await shot("audit");
  if (told.length) console.log(look.name, told);
  await context.close();
}
await browser.close();
