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
