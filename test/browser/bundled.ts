import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { type BuildOptions, build } from "esbuild";

const here = fileURLToPath(new URL(".", import.meta.url));

/** The bundle of a source that stands in a directory, what it still imports, and the files it was made of. */
export async function bundled(source: string, options: BuildOptions = {}, directory = here) {
  const { outputFiles, metafile } = await build({
    platform: "browser",
    ...options,
    stdin: { contents: source, loader: "ts", resolveDir: directory },
    bundle: true,
    write: false,
    metafile: true,
    format: "esm",
    logLevel: "silent",
  });
  const outputs = Object.values(metafile.outputs);
  return {
    code: outputFiles[0]?.text ?? "",
    imported: outputs.flatMap(({ imports }) => imports.map(({ path }) => path)),
    inputs: outputs.flatMap(({ inputs }) =>
      Object.entries(inputs).flatMap(([file, { bytesInOutput }]) => (bytesInOutput > 0 ? [file] : [])),
    ),
  };
}

/** One file of a bundle that is split where code is loaded by `import()`. */
export interface Chunk {
  readonly name: string;
  readonly code: string;
  /** Names of the files that it imports, in whatever way. */
  readonly imported: readonly string[];
  /** The sources that something of it was made of. */
  readonly inputs: readonly string[];
}

/** The minified files of a page's bundle, and which of them are loaded when. */
export async function split(source: string, directory = here) {
  const { outputFiles, metafile } = await build({
    stdin: { contents: source, loader: "ts", resolveDir: directory, sourcefile: "page.ts" },
    platform: "browser",
    bundle: true,
    splitting: true,
    minify: true,
    write: false,
    metafile: true,
    format: "esm",
    outdir: "out",
    entryNames: "page",
    logLevel: "silent",
  });
  const code = new Map(outputFiles.map(({ path, text }) => [basename(path), text]));
  const outputs = new Map(Object.entries(metafile.outputs).map(([path, each]) => [basename(path), each]));
  const chunks = [...outputs].map(
    ([name, { imports, inputs }]): Chunk => ({
      name,
      code: code.get(name) ?? "",
      imported: imports.map(({ path }) => basename(path)),
      inputs: Object.entries(inputs).flatMap(([file, { bytesInOutput }]) =>
        bytesInOutput > 0 ? [file] : [],
      ),
    }),
  );
  const first = withStatic(["page.js"]);
  return {
    chunks,
    /** The page's own file and all that it imports statically. */
    firstLoad: chosen(first),
    /** The first load, and what is loaded with the part that this source is the door of. */
    loadedWith: (door: string): readonly Chunk[] => {
      const entries = [...outputs].filter(([, { entryPoint }]) => entryPoint?.endsWith(door));
      return chosen(withStatic([...first, ...entries.map(([name]) => name)]));
    },
  };

  function chosen(names: ReadonlySet<string>): readonly Chunk[] {
    return chunks.filter(({ name }) => names.has(name));
  }

  function withStatic(names: readonly string[]): ReadonlySet<string> {
    const found = new Set<string>();
    const left = [...names];
    for (let name = left.pop(); name !== undefined; name = left.pop()) {
      if (found.has(name)) continue;
      found.add(name);
      for (const { path, kind } of outputs.get(name)?.imports ?? [])
        if (kind === "import-statement") left.push(basename(path));
    }
    return found;
  }
}
