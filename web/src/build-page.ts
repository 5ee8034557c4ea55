/** Makes the page's files: bundled once, when the server starts, and kept in memory. Runs in Node alone. */
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

export interface PageFile {
  readonly type: string;
  readonly bytes: Uint8Array;
}

/** All that the page is made of, by its path. Nothing comes from anywhere else. */
export async function buildPage(): Promise<ReadonlyMap<string, PageFile>> {
  const { outputFiles } = await build({
    entryPoints: { main: fileOf("main.ts") },
    outdir: "/",
    chunkNames: "part-[hash]",
    bundle: true,
    splitting: true,
    write: false,
    minify: true,
    format: "esm",
    platform: "browser",
    target: "es2023",
    logLevel: "silent",
  });
  const scripts = outputFiles.map(({ path, contents }): [string, PageFile] => [
    `/${basename(path)}`,
    { type: SCRIPT, bytes: contents },
  ]);
  const documents = await Promise.all(
    Object.entries(DOCUMENTS).map(
      async ([path, [name, type]]): Promise<[string, PageFile]> => [
        path,
        { type, bytes: await readFile(fileOf(name)) },
      ],
    ),
  );
  return new Map([...documents, ...scripts]);
}

const SCRIPT = "text/javascript; charset=utf-8";

const DOCUMENTS: Readonly<Record<string, readonly [name: string, type: string]>> = {
  "/": ["index.html", "text/html; charset=utf-8"],
  "/page.css": ["page.css", "text/css; charset=utf-8"],
  "/icon.svg": ["icon.svg", "image/svg+xml"],
};

const fileOf = (name: string): string => fileURLToPath(new URL(`page/${name}`, import.meta.url));
