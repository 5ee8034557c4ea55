import { copyFile, mkdir, mkdtemp, readdir, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startEmbeddedCloud } from "@lepta/local";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Built, buildPackages, publishedManifest, root, run } from "../../tools/packages.ts";
import { bundled } from "../browser/bundled.ts";

const MINUTES = 60_000;

let directory: string;
let project: string;
let built: readonly Built[];

beforeAll(async () => {
  directory = await realpath(await mkdtemp(join(tmpdir(), "lepta-packaging-")));
  project = join(directory, "project");
  const tarballs = join(directory, "tarballs");
  await mkdir(tarballs);
  await mkdir(project);
  built = await buildPackages();
  for (const { dist } of built) await npm(dist, "pack", "--pack-destination", tarballs);
  await writeFile(
    join(project, "package.json"),
    JSON.stringify({ name: "user", private: true, type: "module" }),
  );
  const files = (await readdir(tarballs)).map((file) => join(tarballs, file));
  await npm(project, "install", "--prefer-offline", "--no-audit", "--no-fund", ...files);
  for (const file of ["pay.mjs", "consumer.ts"])
    await copyFile(join(root, "test/packaging/project", file), join(project, file));
}, 3 * MINUTES);

afterAll(async () => {
  await rm(directory, { recursive: true, force: true });
});

describe("the packages, packed and installed elsewhere", () => {
  test("make a complete payment, merchant and wallet both", { timeout: MINUTES }, async () => {
    const cloud = await startEmbeddedCloud({ dir: join(directory, "cloud") });
    try {
      const told = await run(process.execPath, ["pay.mjs", cloud.pinnedUrl], { cwd: project });
      expect(JSON.parse(told)).toEqual({
        goods: "Small change makes small things possible.",
        charged: "20000",
        brokerScrip: "EUR 4.00",
        vendorScrip: ["EUR 0.98"],
        sold: "EUR 0.02",
      });
    } finally {
      await cloud.close();
    }
  });

  test("declare their types to a strict compiler, with those of the platform and no others", {
    timeout: MINUTES,
  }, async () => {
    const compilerOptions = {
      strict: true,
      noUncheckedIndexedAccess: true,
      exactOptionalPropertyTypes: true,
      module: "nodenext",
      moduleResolution: "nodenext",
      target: "es2023",
      lib: ["es2024"],
      // Requests, responses and addresses are the platform's: Node's here, the DOM's in a page.
      types: ["node"],
      typeRoots: [join(root, "node_modules/@types")],
      skipLibCheck: false,
      noEmit: true,
    };
    await writeFile(
      join(project, "tsconfig.json"),
      JSON.stringify({ compilerOptions, files: ["consumer.ts"] }),
    );
    const compiler = join(root, "node_modules/typescript/bin/tsc");
    await expect(run(process.execPath, [compiler, "-p", "."], { cwd: project })).resolves.toBe("");
  });

  test("make a page that pays, without a word of Node's", async () => {
    const page = `
      import { memoryPeerStore, Wallet } from "@lepta/peer-sdk";
      globalThis.pay = (broker) => Wallet.open({ broker, store: memoryPeerStore() });
    `;
    const { code, imported } = await bundled(page, { minify: true }, project);
    expect(imported).toEqual([]);
    expect(code).not.toMatch(/["']node:/);
  });

  test("hold the code, its declarations and the documents, and nothing else", async () => {
    for (const { name } of built) {
      const files = await filesOf(name);
      expect(files).toContain("index.js");
      expect(files).toContain("index.d.ts");
      expect(files).toContain("LICENSE");
      expect(files).toContain("README.md");
      for (const file of files) {
        expect(file).toMatch(/^(package\.json|LICENSE|README\.md|[a-z0-9/-]+(\.js|\.d\.ts))$/);
        expect(file).not.toMatch(/(^|\/)(src|test)(\/|$)|\.test\./);
      }
    }
  });

  test("name no path of the machine that built them, and each other by name only", async () => {
    for (const { name } of built)
      for (const file of await filesOf(name)) {
        const text = await readFile(join(project, "node_modules", name, file), "utf8");
        expect(text).not.toContain(root);
        if (file !== "package.json" && !file.endsWith(".md")) expect(text).not.toMatch(/["'][^"']*\/dist\//);
        expect(text).not.toMatch(/sourceMappingURL/);
      }
  });

  test("lead every door to code and declarations, and depend on exactly one protocol", async () => {
    const protocol = built.find(({ name }) => name === "@lepta/protocol");
    for (const { name } of built) {
      const manifest = JSON.parse(
        await readFile(join(project, "node_modules", name, "package.json"), "utf8"),
      );
      const files = await filesOf(name);
      for (const file of [...targetsOf(manifest.exports), ...targetsOf(manifest.imports ?? {})])
        expect(files).toContain(file.replace("./", ""));
      expect(manifest).not.toHaveProperty("devDependencies");
      expect(manifest).not.toHaveProperty("private");
      expect(manifest.license).toBe("Apache-2.0");
      if (name === "@lepta/peer-sdk")
        expect(manifest.dependencies["@lepta/protocol"]).toBe(protocol?.version);
    }
  });
});

test("a published package.json leads to what was built and says nothing of the repository", () => {
  const source = {
    name: "@lepta/sample",
    version: "1.2.3",
    private: true,
    imports: { "#part": { browser: "./src/deep/web.ts", default: "./src/deep/node.ts" } },
    exports: {
      ".": { browser: "./src/web.ts", default: "./src/index.ts" },
      "./part": "./src/deep/part.ts",
    },
    scripts: { test: "true" },
    dependencies: { "@lepta/protocol": "1.2.3" },
    devDependencies: { "@types/ws": "1.0.0" },
  };
  expect(publishedManifest(source)).toEqual({
    name: "@lepta/sample",
    version: "1.2.3",
    exports: {
      ".": {
        browser: { types: "./web.d.ts", default: "./web.js" },
        default: { types: "./index.d.ts", default: "./index.js" },
      },
      "./part": { types: "./deep/part.d.ts", default: "./deep/part.js" },
    },
    imports: { "#part": { browser: "./deep/web.js", default: "./deep/node.js" } },
    dependencies: { "@lepta/protocol": "1.2.3" },
    files: ["**/*.js", "**/*.d.ts"],
  });
});

/** The files that doors lead to, under whatever conditions. */
const targetsOf = (targets: object): readonly string[] =>
  Object.values(targets).flatMap((target) => (typeof target === "string" ? [target] : targetsOf(target)));

/** The npm that runs these tests, or else the one on the path. */
function npm(cwd: string, ...words: readonly string[]): Promise<string> {
  const { npm_execpath: script, ...env } = process.env;
  return script === undefined
    ? run("npm", words, { cwd, env })
    : run(process.execPath, [script, ...words], { cwd, env });
}

/** The files of an installed package: what was packed. */
async function filesOf(name: string): Promise<readonly string[]> {
  const folder = join(project, "node_modules", name);
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
}
