/** One command of `lepta` from its arguments to its exit status. */

import { UsageFault } from "../usage.ts";
import { commandOf, type Given, readArguments, readOpening } from "./arguments.ts";
import type { Answer, Command, Context, Io } from "./command.ts";
import { commands } from "./commands.ts";
import { exit, explain } from "./fault.ts";
import { helpOf, overview } from "./help.ts";
import { findHome } from "./home.ts";
import { during } from "./progress.ts";
import { VERSION } from "./version.ts";

/** Runs it and tells the exit status; `among` are the commands that there are. */
export async function run(
  argv: readonly string[],
  io: Io,
  among: readonly Command[] = commands,
): Promise<number> {
  const opening = readOpening(argv);
  const voice = new Voice(io, opening.json);
  const words = opening.words[0] === "help" ? opening.words.slice(1) : opening.words;
  const command = commandOf(among, words);
  try {
    if (opening.version) {
      await voice.tell({ lines: [`lepta ${VERSION}`], json: { version: VERSION } });
      return exit.ok;
    }
    if (opening.help || opening.words[0] === "help" || words.length === 0) {
      const text = command === undefined ? overview(among, groupOf(among, words)) : helpOf(command);
      await voice.tell({ lines: [text.trimEnd()], json: { help: text } });
      return exit.ok;
    }
    if (command === undefined) throw unknownCommand(among, words);
    const context = contextOf(io, voice, readArguments(command, argv));
    const answer = await command.run(context);
    if (answer === undefined) return exit.ok;
    await voice.tell(answer);
    return answer.status ?? exit.ok;
  } catch (error) {
    // Nobody reads any more: there is nobody to tell.
    if ((error as NodeJS.ErrnoException | undefined)?.code === "EPIPE") return exit.other;
    const { code, message, todo, exit: status } = explain(error, command?.name);
    await voice.complain({ code, message, todo });
    return status;
  }
}

/** Standard output is for one answer, standard error for what goes wrong. */
class Voice {
  readonly #io: Io;
  readonly json: boolean;
  #hasSpoken = false;
  #isOver = false;

  constructor(io: Io, json: boolean) {
    this.#io = io;
    this.json = json;
  }

  async tell({ lines, json, bytes, asides = [] }: Answer): Promise<void> {
    // Work that went on after it was interrupted: what nobody was told is told by the same command again.
    if (this.#isOver) throw new Error("the command has ended");
    this.#hasSpoken = true;
    const { stdout, stderr } = this.#io;
    if (this.json) return stdout(`${JSON.stringify(json, null, 2)}\n`);
    await stdout(bytes ?? lines.map((line) => `${line}\n`).join(""));
    if (asides.length > 0) await stderr(asides.map((line) => `${line}\n`).join(""));
  }

  async complain(error: {
    readonly code: string;
    readonly message: string;
    readonly todo: string;
  }): Promise<void> {
    this.#isOver = true;
    const { stdout, stderr } = this.#io;
    // Two documents would be none.
    if (this.json && !this.#hasSpoken) return stdout(`${JSON.stringify({ error }, null, 2)}\n`);
    await stderr(`lepta: ${error.message}\n  → ${error.todo}\n`);
  }
}

function contextOf(io: Io, voice: Voice, { positionals, values }: Given): Context {
  const { env, isTerminal, clock, stderr } = io;
  const { json } = voice;
  const option = (name: string): string | undefined => {
    const value = values[name];
    return typeof value === "string" ? value : undefined;
  };
  const isDumb = env.TERM === "dumb";
  return {
    ...io,
    home: findHome(option("home"), io),
    json,
    isColor: isTerminal.stdout && !json && !isDumb && (env.NO_COLOR ?? "") === "",
    argument: (name) => positionals.get(name),
    option,
    options: (name) => {
      const value = values[name];
      return Array.isArray(value) ? value : [];
    },
    flag: (name) => values[name] === true,
    tell: (answer) => voice.tell(answer),
    during: (what, work) =>
      json ? work : during({ stderr, clock, isTerminal: isTerminal.stderr && !isDumb }, what, work),
  };
}

const groupOf = (among: readonly Command[], [word = ""]: readonly string[]): string | undefined =>
  among.some(({ name }) => name.startsWith(`${word} `)) ? word : undefined;

function unknownCommand(among: readonly Command[], words: readonly string[]): UsageFault {
  const group = groupOf(among, words);
  if (group === undefined)
    return new UsageFault(`${words[0]}: there is no such command; lepta --help lists them`);
  const inGroup = among.flatMap(({ name }) =>
    name.startsWith(`${group} `) ? [name.slice(group.length + 1)] : [],
  );
  return new UsageFault(
    words.length === 1
      ? `say what about the ${group}: ${inGroup.join(", ")}`
      : `${group} ${words[1]}: there is no such command; there are ${inGroup.join(", ")}`,
  );
}
