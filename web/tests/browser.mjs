// What the browser tests share: the browser, the site's address, and one example of every page.
import { chromium } from "playwright-core";

export const site = process.env.CROWSNEST_URL ?? "http://127.0.0.1:7171";

/** Chromium from the system; nothing is downloaded, and the browser itself calls nobody. */
export function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

/** JSON of an address of the site. */
export async function json(path) {
  const response = await fetch(new URL(path, site));
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return response.json();
}

/** The entity that a search finds first. */
export async function entity(search, kind) {
  const found = await json(`/products.json?search=${encodeURIComponent(search)}&kind=${kind}`);
  if (found.length === 0) throw new Error(`nothing in the market is called ${search}`);
  return found[0].entity;
}

/** One address for every page, found in the example market. */
export async function pages() {
  const doubao = await entity("豆包", "product");
  const tencent = await entity("腾讯云", "company");
  const claims = await json(`/product/${doubao}.json?metric=mau`);
  const lists = (await json("/watch.json")).map((row) => row.list).slice(0, 1);
  const claim = claims.rows.find((row) => row.document);
  return [
    { name: "overview", path: "/" },
    { name: "products", path: "/products" },
    { name: "search", path: "/products?search=doubao" },
    { name: "product", path: `/product/${doubao}` },
    { name: "company", path: `/company/${tencent}` },
    { name: "league", path: "/league?metric=mau&period=2024-12" },
    { name: "movers", path: "/movers?metric=mau&within=2025&direction=lost" },
    { name: "compare", path: `/compare?name=${doubao}&name=Kimi&name=DeepSeek&metric=mau` },
    { name: "compare-index", path: `/compare?name=${doubao}&name=Kimi&metric=mau&view=index` },
    { name: "compare-log", path: `/compare?name=${doubao}&name=Kimi&metric=mau&view=log` },
    { name: "compare-share", path: `/compare?name=${doubao}&name=Kimi&metric=mau&view=share` },
    { name: "league-tenders", path: "/league?metric=tender_amount&period=2024-11" },
    { name: "tenders", path: "/tenders" },
    { name: "events", path: "/events" },
    { name: "breakouts", path: "/breakouts" },
    { name: "record", path: "/record" },
    { name: "directions", path: "/directions?metric=downloads_30d" },
    { name: "alerts", path: "/alerts" },
    { name: "digest", path: "/digest" },
    { name: "report", path: "/report/monthly?as_of=2025-02-01" },
    { name: "plans", path: "/plans" },
    { name: "plan", path: "/plans/weekly" },
    { name: "loop", path: "/loop" },
    { name: "bandits", path: "/bandits" },
    { name: "review", path: "/review" },
    { name: "identity", path: `/identity/${doubao}` },
    { name: "watch", path: "/watch" },
    ...lists.map((list) => ({ name: "watch-list", path: `/watch/${encodeURIComponent(list)}` })),
    { name: "views", path: "/views?save=%2Fleague%3Fmetric%3Dmau" },
    { name: "notes", path: `/notes/${doubao}` },
    { name: "palette", path: "/palette" },
    { name: "account", path: "/account" },
    { name: "audit", path: "/audit" },
    { name: "users", path: "/users" },
    { name: "match", path: "/match?name=%E8%B1%86%E5%8C%85" },
    { name: "sources", path: "/sources" },
    { name: "sources-worth", path: "/sources/worth" },
    { name: "figures", path: `/figures/${doubao}` },
    { name: "source", path: `/source?name=${encodeURIComponent(claim.source)}` },
    { name: "collecting", path: "/collecting" },
    { name: "claim", path: `/claim/${claim.claim}` },
    { name: "document", path: `/document/${claim.document}?record=${claim.record}` },
    { name: "cluster", path: "/cluster" },
    { name: "as-of", path: `/product/${doubao}?as_of=2025-02-01` },
  ];
}
