/** A process of the bench, pinned to one core where that is possible. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { AnswerMessage, Calls } from "./calls.ts";

export interface Child<C extends Calls> {
  ask<K extends keyof C & string>(name: K, argument: Parameters<C[K]>[0]): ReturnType<C[K]>;
  /** Ends the process and waits until it is gone. */
  close(): Promise<void>;
}

/** How long one call may take, in milliseconds: setting up customers with node-forge is the longest. */
const PATIENCE = 120_000;

/** The last core that this process may use; undefined where there is no `taskset` to pin with. */
export function pinnableCore(): number | undefined {
  const { status, stdout } = spawnSync("taskset", ["-cp", String(process.pid)], { encoding: "utf8" });
  const [, core] = /(\d+)\s*$/.exec(stdout ?? "") ?? [];
  return status === 0 && core !== undefined ? Number(core) : undefined;
}

/** Starts a file of this folder in a process of its own. It ends when this process ends. */
export function startChild<C extends Calls>(
  file: string,
  core: number | undefined,
  nodeOptions: readonly string[] = [],
): Child<C> {
  const pin = core === undefined ? [] : ["taskset", "-c", String(core)];
  const [command = process.execPath, ...rest] = [
    ...pin,
    process.execPath,
    ...nodeOptions,
    fileURLToPath(new URL(file, import.meta.url)),
  ];
  const child = spawn(command, rest, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  const exited = new Promise<void>((resolve) => {
    child.once("exit", () => resolve());
    child.once("error", () => resolve());
  });
  return {
    ask: ((name: string, argument: unknown) => call(child, file, name, argument)) as Child<C>["ask"],
    close: async () => {
      if (child.connected) child.disconnect();
      await exited;
    },
  };
}

/** One call and its answer; throws where the process fails at it, ends or takes too long. */
function call(child: ChildProcess, file: string, name: string, argument: unknown): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const fail = (why: string) => settle(() => reject(new Error(`${file}, ${name}: ${why}`)));
    const onMessage = (message: AnswerMessage) =>
      "error" in message ? fail(message.error) : settle(() => resolve(message.value));
    const onExit = () => fail("the process has ended");
    const timer = setTimeout(() => fail(`no answer in ${PATIENCE / 1000} s`), PATIENCE);
    const settle = (end: () => void) => {
      clearTimeout(timer);
      child.off("message", onMessage).off("exit", onExit).off("error", onExit);
      end();
    };
    child.on("message", onMessage).once("exit", onExit).once("error", onExit);
    if (!child.connected) return fail("the process has ended");
    child.send({ name, argument });
  });
}
