/** `lepta-admin`: what an operator asks a deployment and tells it. */
import { createInterface } from "node:readline/promises";
import { runAdmin } from "./admin/run.ts";

const isColoured = process.stdout.isTTY === true && (process.env.NO_COLOR ?? "") === "";

process.exitCode = await runAdmin(process.argv.slice(2), {
  variables: process.env,
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  isColoured,
  now: Date.now,
  fetch,
  ask: process.stdin.isTTY === true ? ask : undefined,
});

async function ask(question: string): Promise<string> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await lines.question(question);
  } finally {
    lines.close();
  }
}
