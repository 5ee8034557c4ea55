/** `npm run docs`: writes what the code says into the documents. With `--check` it only tells whether that was done. */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { root } from "./packages.ts";
import { staleDocs } from "./reference.ts";

const stale = await staleDocs();
if (!process.argv.includes("--check")) {
  for (const { path, text } of stale) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  }
  console.log(stale.length === 0 ? "The documents are up to date." : `Written: ${pathsOf()}.`);
} else if (stale.length > 0) {
  console.error(`These documents do not say what the code says: ${pathsOf()}. Run \`npm run docs\`.`);
  process.exitCode = 1;
}

function pathsOf(): string {
  return stale.map(({ path }) => path).join(", ");
}
