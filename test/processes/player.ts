/** A program of the cast as the harness sees it: a child process that is called, killed, and waited for. */
import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import type { Call, Reply } from "./cast/role.ts";

export type Program = "broker" | "merchant" | "wallet";

/** The process ended while somebody waited for it. */
export class PlayerGone extends Error {}

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** How long a program may take to be ready, and to answer what is not a flow, in milliseconds. */
const PATIENCE = 60_000;
const STDERR_KEPT = 4096;

export class Player {
  readonly program: Program;
  /** Resolves when the process has ended: undefined where it was killed or closed, else its last words. */
  readonly ended: Promise<string | undefined>;
  /** What the program said when it was ready. */
  facts: Readonly<Record<string, string>> = {};
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;
  #isGone = false;
  #stderr = "";

  /** Starts a program. Throws PlayerGone where it ends before it is ready. */
  static async start(program: Program, config: unknown, cache: string): Promise<Player> {
    const player = new Player(program, config, cache);
    player.facts = (await player.#reply(0)) as Player["facts"];
    return player;
  }

  private constructor(program: Program, config: unknown, cache: string) {
    this.program = program;
    const file = join(import.meta.dirname, "cast", `${program}.ts`);
    this.#child = spawn(process.execPath, [file, JSON.stringify(config)], {
      stdio: ["ignore", "ignore", "pipe", "ipc"],
      // Compiled code is kept between the many starts; nothing else of our environment concerns a program.
      env: { PATH: process.env.PATH ?? "", NODE_COMPILE_CACHE: cache },
    });
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-STDERR_KEPT);
    });
    this.#child.on("message", (reply: Reply) => this.#take(reply));
    this.ended = new Promise((resolve) => {
      this.#child.once("close", (code, signal) => {
        this.#isGone = true;
        const how = `${program} ended with ${signal ?? `code ${code}`}: ${this.#stderr.trim()}`;
        for (const { reject } of this.#waiting.values()) reject(new PlayerGone(how));
        this.#waiting.clear();
        resolve(signal === "SIGKILL" || code === 0 ? undefined : how);
      });
    });
  }

  get isGone(): boolean {
    return this.#isGone;
  }

  /** Gives a command and waits for what comes of it. Throws PlayerGone where the process ends first. */
  call(command: string, argument?: unknown): Promise<unknown> {
    if (this.#isGone) return Promise.reject(new PlayerGone(this.program));
    this.#lastId += 1;
    const call: Call = { id: this.#lastId, command, argument };
    const reply = this.#reply(call.id);
    this.#child.send(call, (error) => {
      if (error !== null) this.#settle(call.id)?.reject(new PlayerGone(`${this.program}: ${error.message}`));
    });
    return reply;
  }

  /** Kill -9, from outside; resolves when the process is gone. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.ended;
  }

  /** Waits for the process to end by itself; kills it where that takes too long. */
  async untilGone(within: number): Promise<void> {
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), within);
    await this.ended;
    clearTimeout(timer);
  }

  /** Ends it as an operator does. Throws what it said where it did not end well. */
  async close(): Promise<void> {
    await this.call("close");
    await this.untilGone(PATIENCE);
    const words = await this.ended;
    if (words !== undefined) throw new Error(words);
  }

  #reply(id: number): Promise<unknown> {
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }

  #take({ id, result, error }: Reply): void {
    const waiting = this.#settle(id);
    if (error === undefined) waiting?.resolve(result);
    else waiting?.reject(new Error(`${this.program}: ${error}`));
  }

  #settle(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    return waiting;
  }
}
