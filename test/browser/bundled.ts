import { fileURLToPath } from "node:url";
import { type BuildOptions, build } from "esbuild";

/** A bundle, what it still imports, and the files it was made of. */
export async function bundled(source: string, options: BuildOptions = {}) {
  const { outputFiles, metafile } = await build({
    platform: "browser",
    ...options,
    stdin: { contents: source, loader: "ts", resolveDir: fileURLToPath(new URL(".", import.meta.url)) },
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
