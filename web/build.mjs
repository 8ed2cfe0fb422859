// Bundles src/ into dist/: one script and one style sheet with fixed names (the server adds a version to their
// addresses), and the chart code as a chunk that pages without charts never load.
import { copyFile, mkdir, rm } from "node:fs/promises";
import { build } from "esbuild";

await rm("dist", { recursive: true, force: true });
await mkdir("dist", { recursive: true });
await build({
  entryPoints: ["src/app.ts", "src/app.css"],
  outdir: "dist",
  bundle: true,
  splitting: true,
  format: "esm",
  target: ["es2022", "chrome110", "firefox115", "safari16.4"],
  minify: true,
  legalComments: "eof",
  chunkNames: "chunk-[hash]",
  logLevel: "warning",
});
await copyFile("src/icon.svg", "dist/icon.svg");
