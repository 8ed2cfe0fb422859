// Who sees little, or no colours, or has no mouse: a page by axe's rules for WCAG 2.2, A and AA.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];
const PLACES_MAX = 3;

/** What axe finds wrong with a page: each rule, and the first places. */
export async function faults(page) {
  await page.evaluate(axe);
  const run = (values) => window.axe.run(document, { runOnly: { type: "tag", values }, resultTypes: ["violations"] });
  const { violations } = await page.evaluate(run, RULES);
  return violations.map(({ id, help, nodes }) => {
    const places = nodes.slice(0, PLACES_MAX).map((node) => node.html.slice(0, 160));
    return `${id} (${help}), ${nodes.length} times: ${places.join("  ·  ")}`;
  });
}
