/** `lepta`: what those who pay and those who are paid do on a command line. */
import { homedir } from "node:os";
import { askSecret } from "./lepta/ask-secret.ts";
import type { Writer } from "./lepta/command.ts";
import { exit, Fault } from "./lepta/fault.ts";
import { run } from "./lepta/run.ts";

const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
  process.on(signal, () => {
    // The second time somebody means it: what is under way is gone on with at the next opening.
    if (stop.signal.aborted) process.exit(exit.interrupted);
    stop.abort();
  });

process.exitCode = await run(process.argv.slice(2), {
  stdout: writerTo(process.stdout),
  stderr: writerTo(process.stderr),
  stdin: readAll,
  askSecret:
    process.stdin.isTTY === true
      ? (question) => askSecret({ input: process.stdin, output: process.stderr }, question, stop.signal)
      : undefined,
  env: process.env,
  cwd: process.cwd(),
  userHome: homedir(),
  clock: {
    now: Date.now,
    later: (milliseconds, work) => {
      const timer = setTimeout(work, milliseconds);
      return () => clearTimeout(timer);
    },
  },
  isTerminal: { stdout: process.stdout.isTTY === true, stderr: process.stderr.isTTY === true },
  signal: stop.signal,
});

function writerTo(stream: NodeJS.WriteStream): Writer {
  // Each write is told of its own fault.
  stream.on("error", () => {});
  return (text) =>
    new Promise((resolve, reject) => {
      if (text.length === 0) return resolve();
      stream.write(text, (error) => (error == null ? resolve() : reject(error)));
    });
}

async function readAll(most: number): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > most)
      throw new Fault(
        "too-large",
        `Standard input is longer than ${most} bytes.`,
        "Send what is meant alone.",
        exit.usage,
      );
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
