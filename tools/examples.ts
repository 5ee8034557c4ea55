/** `npm run examples`: the examples as their users run them, each a process of its own, against a broker in a temporary directory. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { root } from "./packages.ts";

/** What must be in what the customer prints. */
const EXPECTED = [
  /^The story: Small change makes small things possible\.$/m,
  /^The film: A film for [\w-]{43}\.$/m,
  /^An answer: You ask: What is money\? .* by the word\.$/m,
  /^ {2}receipt [\w-]{22}$/m,
  /^EUR 0\.02 {2}GET \/story {2}[\w-]{22}$/m,
  /^EUR 0\.20 {2}GET \/film {2}[\w-]{22}$/m,
  // By the word.
  /^EUR 0\.0019 {2}POST \/ask {2}[\w-]{22}$/m,
  /^Left: .* in the wallet, EUR [\d.]+ at the shop$/m,
];

const dir = await mkdtemp(join(tmpdir(), "lepta-examples-"));
const running: ChildProcess[] = [];
try {
  await runExamples();
  process.stdout.write("The examples work.\n");
} catch (error) {
  process.stderr.write(`examples: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
} finally {
  for (const child of running) await kill(child);
  await rm(dir, { recursive: true });
}

async function runExamples(): Promise<void> {
  const cloud = start(["local/src/start.ts", "--port", "0", "--data", join(dir, "broker")]);
  const broker = await lineOf(cloud, /^ {2}(http:\S+#\S+)$/);
  const merchant = start(["examples/merchant/src/main.ts"], { LEPTA_BROKER: broker, PORT: "0" });
  const shop = await lineOf(merchant, /^The shop is open: (http:\S+)$/);
  // Twice: the second time wallet and shop know each other.
  for (const _time of [1, 2]) {
    const customer = start(["examples/customer/src/main.ts"], { LEPTA_BROKER: broker, LEPTA_SHOP: shop });
    let printed = "";
    customer.stdout?.setEncoding("utf8").on("data", (text: string) => {
      printed += text;
      process.stdout.write(text);
    });
    await endOf(customer, "customer");
    const missing = EXPECTED.filter((each) => !each.test(printed));
    if (missing.length > 0) throw new Error(`the customer did not print ${missing.join(", ")}`);
  }
  merchant.kill("SIGTERM");
  await endOf(merchant, "merchant");
  cloud.kill("SIGTERM");
  await endOf(cloud, "broker");
}

/** A program of this repository in the temporary directory: what it keeps is kept there. */
function start([program = "", ...words]: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
  const child = spawn(process.execPath, [join(root, "tools/run.mjs"), join(root, program), ...words], {
    cwd: dir,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  running.push(child);
  return child;
}

async function endOf(child: ChildProcess, name: string): Promise<void> {
  const [status, signal] = await once(child, "close");
  if (status !== 0) throw new Error(`the ${name} ended with ${signal ?? status}`);
}

async function lineOf(child: ChildProcess, pattern: RegExp): Promise<string> {
  if (child.stdout === null) throw new Error("a process without an output");
  try {
    for await (const line of createInterface(child.stdout)) {
      const [, found] = pattern.exec(line) ?? [];
      if (found !== undefined) return found;
    }
  } finally {
    // What else it prints is nobody's: it must not stop for it.
    child.stdout.resume();
  }
  throw new Error(`a process ended before it printed ${pattern}`);
}

/** One that is still there has nothing more to do. */
async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGKILL");
  await once(child, "exit");
}
