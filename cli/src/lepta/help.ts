/** What `--help` says: of all commands, of a group of them, and of each. */
import { columns } from "../report.ts";
import type { Command, CommandOption } from "./command.ts";

/** What every command takes. */
export const common: readonly CommandOption[] = [
  {
    name: "home",
    value: "directory",
    summary: "in place of $LEPTA_HOME, of .lepta here if it is there, and of ~/.lepta",
  },
  { name: "json", summary: "one JSON document on standard output, errors too" },
  { name: "help", short: "h", summary: "this text" },
  { name: "version", summary: "which release this is" },
];

const STATUSES = `Exit status:
  0    done
  1    something else went wrong
  2    the command line was not understood
  3    somebody has decided against it: refused, declined, above --max, too little money
  4    not known yet, out of reach or busy: give the same command again
  130  interrupted
`;

/** All commands, or those of one group. */
export function overview(commands: readonly Command[], group?: string): string {
  const shown = group === undefined ? commands : commands.filter(({ name }) => name.startsWith(`${group} `));
  const name = group === undefined ? "<command>" : `${group} <command>`;
  return [
    `Usage: lepta ${name} [options]`,
    "",
    ...columns(shown.map((each) => [`  ${usageOf(each)}`, each.summary])),
    "",
    "Options of every command:",
    ...optionLines(common),
    "",
    `lepta ${name} --help says more, with an example. Colours are left out where $NO_COLOR is set or nobody looks.`,
    "",
    STATUSES,
  ].join("\n");
}

/** One command. */
export function helpOf(command: Command): string {
  const { options = [] } = command;
  const required = options.filter(({ isRequired }) => isRequired === true).map((each) => ` ${spelled(each)}`);
  const others = options.length > required.length ? " [options]" : "";
  return [
    `lepta ${command.name}: ${command.summary}`,
    "",
    `Usage: lepta ${usageOf(command)}${required.join("")}${others}`,
    "",
    command.help,
    "",
    "Options:",
    ...optionLines([...options, ...common]),
    "",
    command.examples.length === 1 ? "Example:" : "Examples:",
    ...command.examples.map((each) => `  ${each}`),
    "",
    STATUSES,
  ].join("\n");
}

const usageOf = ({ name, arguments: expected = [] }: Command): string =>
  [name, ...expected.map((each) => (each.isOptional === true ? `[${each.name}]` : `<${each.name}>`))].join(
    " ",
  );

const optionLines = (options: readonly CommandOption[]): readonly string[] =>
  columns(
    options.map((each) => [
      `  ${each.short === undefined ? "    " : `-${each.short}, `}${spelled(each)}`,
      each.summary,
    ]),
  );

const spelled = ({ name, value }: CommandOption): string =>
  value === undefined ? `--${name}` : `--${name} <${value}>`;
