/** Builds the packages that are published: JavaScript with declarations, ready to be packed, in each package's `dist`. */
import { spawn } from "node:child_process";
import { copyFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The repository's root. */
export const root = fileURLToPath(new URL("..", import.meta.url));

export interface Built {
  /** The package's name. */
  readonly name: string;
  readonly version: string;
  /** The directory to pack. */
  readonly dist: string;
}

/** What of a package.json matters here. */
interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly exports: Readonly<Record<string, string>>;
  readonly [other: string]: unknown;
}

/** In the order of their dependence: each is compiled against the declarations of those before it. */
const PACKAGES = ["protocol", "peer-sdk"] as const;

/** What says something about the repository, or about building, and nothing about the package once it is built. */
const DROPPED: ReadonlySet<string> = new Set(["private", "devDependencies", "scripts", "exports", "files"]);

/** What a package brings besides its code; its own stands before the repository's. */
const DOCUMENTS = ["LICENSE", "README.md"] as const;

/** Builds all packages, in place of what an earlier build left. Throws with the compiler's words where one fails. */
export async function buildPackages(): Promise<readonly Built[]> {
  const built: Built[] = [];
  const declarations: Record<string, readonly string[]> = {};
  for (const folder of PACKAGES) {
    const manifest: Manifest = JSON.parse(await readFile(join(root, folder, "package.json"), "utf8"));
    const dist = join(root, folder, "dist");
    await rm(dist, { recursive: true, force: true });
    await mkdir(dist);
    await compile(dist, declarations);
    const published = publishedManifest(manifest);
    await writeFile(join(dist, "package.json"), `${JSON.stringify(published, null, 2)}\n`);
    for (const name of DOCUMENTS) await copyDocument(folder, dist, name);
    for (const [door, { types }] of Object.entries(published.exports))
      declarations[join(manifest.name, door)] = [join(dist, types)];
    built.push({ name: manifest.name, version: manifest.version, dist });
  }
  return built;
}

/** The package.json of a built package: the source's, with doors that lead to JavaScript and declarations. */
export function publishedManifest(manifest: Manifest) {
  const kept = Object.entries(manifest).filter(([name]) => !DROPPED.has(name));
  const doors = Object.entries(manifest.exports).map(([door, source]) => {
    const file = source.replace(/^\.\/src\//, "./").replace(/\.ts$/, "");
    return [door, { types: `${file}.d.ts`, default: `${file}.js` }] as const;
  });
  return {
    ...(Object.fromEntries(kept) as Omit<Manifest, "exports">),
    exports: Object.fromEntries(doors),
    files: ["**/*.js", "**/*.d.ts"],
  };
}

async function compile(dist: string, declarations: Readonly<Record<string, readonly string[]>>) {
  // Inside this repository a package's doors lead to its sources; what is published has to be checked, and its imports
  // have to be written, against the declarations that go with it.
  const configuration = {
    extends: join(root, "tsconfig.json"),
    compilerOptions: {
      noEmit: false,
      rootDir: join(dist, "../src"),
      outDir: dist,
      declaration: true,
      rewriteRelativeImportExtensions: true,
      paths: declarations,
    },
    include: [join(dist, "../src")],
  };
  const file = join(dist, "tsconfig.json");
  await writeFile(file, JSON.stringify(configuration));
  await run(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", file]);
  await rm(file);
}

async function copyDocument(folder: string, dist: string, name: string): Promise<void> {
  for (const source of [join(root, folder, name), join(root, name)]) {
    try {
      return await copyFile(source, join(dist, name));
    } catch (error) {
      // Not every package has one of its own.
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  }
}

/** Runs a program to its end and gives what it printed. Throws with all of that where it fails. */
export function run(
  program: string,
  words: readonly string[],
  options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, words, { cwd: root, ...options, stdio: ["ignore", "pipe", "pipe"] });
    let printed = "";
    let complained = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      printed += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      complained += text;
    });
    child.once("error", reject);
    child.once("close", (status, signal) => {
      if (status === 0) resolve(printed);
      else reject(new Error(`${program} ${words.join(" ")}: ${signal ?? status}\n${printed}${complained}`));
    });
  });
}
