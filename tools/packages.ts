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
  readonly exports: Readonly<Record<string, Target>>;
  /** Names that lead to another file in browsers; only the package itself can use them. */
  readonly imports?: Readonly<Record<string, Target>>;
  readonly [other: string]: unknown;
}

/** A source, or one for each condition: the first that holds. */
type Target = string | Readonly<Record<string, string>>;

/** In the order of their dependence: each is compiled against the declarations of those before it. */
export const PACKAGES = ["protocol", "peer-sdk"] as const;

/** What says something about the repository, or about building, and nothing about the package once it is built. */
const DROPPED: ReadonlySet<string> = new Set([
  "private",
  "devDependencies",
  "scripts",
  "exports",
  "imports",
  "files",
]);

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
    for (const [door, target] of Object.entries(manifest.exports)) {
      // Whatever the platform, the doors have the same types.
      const source = typeof target === "string" ? target : (target.default ?? "");
      declarations[join(manifest.name, door)] = [join(dist, builtFile(source).types)];
    }
    built.push({ name: manifest.name, version: manifest.version, dist });
  }
  return built;
}

/** The package.json of a built package: the source's, with doors that lead to JavaScript and declarations. */
export function publishedManifest(manifest: Manifest) {
  const kept = Object.entries(manifest).filter(([name]) => !DROPPED.has(name));
  return {
    ...(Object.fromEntries(kept) as Omit<Manifest, "exports" | "imports">),
    exports: publishedTargets(manifest.exports, builtFile),
    // A compiler finds the declarations of these beside the code.
    ...(manifest.imports && {
      imports: publishedTargets(manifest.imports, (path) => builtFile(path).default),
    }),
    files: ["**/*.js", "**/*.d.ts"],
  };
}

/** What was built of the source of each target, under each condition. */
const publishedTargets = <T>(targets: Readonly<Record<string, Target>>, built: (source: string) => T) =>
  mapped(targets, (target) => (typeof target === "string" ? built(target) : mapped(target, built)));

const mapped = <A, B>(record: Readonly<Record<string, A>>, change: (value: A) => B): Record<string, B> =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value)]));

function builtFile(source: string): { readonly types: string; readonly default: string } {
  const file = source.replace(/^\.\/src\//, "./").replace(/\.ts$/, "");
  return { types: `${file}.d.ts`, default: `${file}.js` };
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
