// Dynoxide, the DynamoDB stand-in: an engine of its own, run as a child process on a loopback port.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, closeSync, constants, mkdirSync, openSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { delimiter, dirname, join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** A running Dynoxide: its `url` for `AWS_ENDPOINT_URL_DYNAMODB`, and the process behind it. */
export interface Dynoxide {
  readonly url: string;
  /** The engine's process id. */
  readonly pid: number;
  /** Resolves once the engine has ended, whoever ended it, with how it did and what it last said. */
  readonly ended: Promise<string>;
  /** Ends the engine with SIGTERM, after 2 seconds with SIGKILL; later calls give the same promise. */
  close(): Promise<void>;
}

/**
 * Starts Dynoxide on 127.0.0.1 (a free port by default) over the database `file`, or in memory without one.
 * Rejects with the engine's own words if it does not answer within 5 seconds.
 */
export async function startDynoxide(options: { file?: string; port?: number }): Promise<Dynoxide> {
  const binary = findDynoxide();
  const file = options.file === undefined ? undefined : prepareFile(options.file);
  const wanted = options.port ?? 0;
  for (let attempt = 1; ; attempt++) {
    // The engine takes port 0 but then does not tell which port it got, so the choice is made here; another
    // process may take the port before the engine does.
    const port = wanted === 0 ? await freePort() : wanted;
    const engine = await Engine.spawn(binary, port, file);
    const failure = await engine.untilReady();
    if (failure === undefined) return engine;
    await engine.close();
    const lostPort = wanted === 0 && /in use|failed to bind|failed to listen/i.test(failure);
    if (!lostPort || attempt === portAttempts) throw new Error(`Dynoxide did not start: ${failure}`);
  }
}

/**
 * The path of the Dynoxide binary for `platform` (as in `linux-x64`, this machine's by default): the npm package's,
 * else the first on PATH; throws where there is neither, saying what to do.
 */
export function findDynoxide(platform = `${process.platform}-${process.arch}`): string {
  const candidates = (process.env.PATH ?? "").split(delimiter).filter((directory) => directory !== "");
  const packaged = packageDirectory(`@dynoxide/${platform}`);
  if (packaged !== undefined) candidates.unshift(packaged);
  const found = candidates.map((directory) => join(directory, "dynoxide")).find(isExecutable);
  if (found !== undefined) return found;
  throw new Error(
    `There is no Dynoxide for ${platform}, which stands in for DynamoDB. Run npm ci without --omit=optional, put a ` +
      "dynoxide binary on PATH, or set AWS_ENDPOINT_URL_DYNAMODB to a DynamoDB endpoint of your own.",
  );
}

const portAttempts = 5;
const readyWithin = 5_000;
const probeEvery = 10;
const killAfter = 2_000;
const outputLimit = 4_096;

// Reads until this process, which holds the other end of the pipe, is gone. Nothing else notices our SIGKILL: an
// orphaned engine would keep the database open, and Node cannot ask the kernel for a parent-death signal.
const guardScript = 'read -r _; kill -KILL "$1"';

class Engine implements Dynoxide {
  readonly url: string;
  readonly pid: number;
  readonly ended: Promise<string>;
  readonly #child: ChildProcess;
  #hasEnded = false;
  #output = "";
  #closed: Promise<void> | undefined;

  /** Starts the engine and its guard; rejects where either cannot be run at all. */
  static async spawn(binary: string, port: number, file: string | undefined): Promise<Engine> {
    const flags = ["serve", "--host", "127.0.0.1", "--port", String(port)];
    if (file !== undefined) flags.push("--db-path", file);
    // In a process group of its own, Ctrl-C reaches only us, and the engine lives until we have closed it. It gets
    // no environment: our credentials are not its business, and its own variables would change what it does.
    const child = spawn(binary, flags, { detached: true, stdio: ["ignore", "ignore", "pipe"], env: {} });
    await once(child, "spawn");
    const engine = new Engine(child, `http://127.0.0.1:${port}`);
    try {
      await engine.#guard();
    } catch (error) {
      await engine.close();
      throw error;
    }
    return engine;
  }

  private constructor(child: ChildProcess, url: string) {
    this.url = url;
    this.pid = child.pid ?? Number.NaN;
    this.#child = child;
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#output = (this.#output + text).slice(-outputLimit);
    });
    const kill = () => child.kill("SIGKILL");
    process.on("exit", kill);
    this.ended = new Promise((resolveEnded) => {
      child.once("close", (code, signal) => {
        this.#hasEnded = true;
        process.off("exit", kill);
        resolveEnded(`it ended with ${signal ?? `code ${code}`}, saying: ${this.#output.trim()}`);
      });
    });
  }

  /** Waits until the engine serves; gives the reason where it ended instead or took too long. */
  async untilReady(): Promise<string | undefined> {
    const deadline = performance.now() + readyWithin;
    while (!this.#hasEnded && performance.now() < deadline) {
      // Only the engine's own announcement tells it from another process that answers on this port.
      if (this.#output.includes(`listening on ${this.url}`) && (await answers(this.url, deadline)))
        return undefined;
      await sleep(probeEvery);
    }
    if (this.#hasEnded) return this.ended;
    return `it did not answer on ${this.url} within ${readyWithin} ms, saying: ${this.#output.trim()}`;
  }

  close(): Promise<void> {
    this.#closed ??= this.#end();
    return this.#closed;
  }

  async #end(): Promise<void> {
    this.#child.kill("SIGTERM");
    // The engine waits for requests that are under way, however long their clients take.
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), killAfter);
    await this.ended;
    clearTimeout(timer);
  }

  async #guard(): Promise<void> {
    const guard = spawn("/bin/sh", ["-c", guardScript, "dynoxide-guard", String(this.pid)], {
      detached: true,
      stdio: ["pipe", "ignore", "ignore"],
      env: {},
    });
    await once(guard, "spawn");
    // With the engine gone the guard must go first: by the time the pipe closes, the id may name another process.
    void this.ended.then(() => guard.kill("SIGKILL"));
  }
}

async function answers(url: string, deadline: number): Promise<boolean> {
  try {
    const left = Math.max(1, Math.ceil(deadline - performance.now()));
    const response = await fetch(url, { signal: AbortSignal.timeout(left) });
    return (await response.text()).startsWith("healthy");
  } catch {
    // Not yet; the caller knows for how long to ask.
    return false;
  }
}

/** The database holds money, so it is its owner's only; SQLite gives the files beside it the same mode. */
function prepareFile(file: string): string {
  const path = resolve(file);
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  closeSync(openSync(path, "a", 0o600));
  return path;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("There is no free TCP port");
  return address.port;
}

function packageDirectory(name: string): string | undefined {
  try {
    return dirname(createRequire(import.meta.url).resolve(`${name}/package.json`));
  } catch {
    // An optional dependency: npm leaves it out on other platforms and under --omit=optional.
    return undefined;
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
