/** `docs/errors.md`, from the table of errors and the comments in it. */
import * as protocol from "../protocol/src/index.ts";
import { table } from "./markdown.ts";

const AGAIN = {
  same: "yes, the same bytes",
  new: "yes, with a new request",
  no: "no",
} as const satisfies Record<(typeof protocol.errors)[protocol.ErrorCode]["retry"], string>;

/** `docs/errors.md`, in the table's order and under the headings of its comments. */
export function errorsPage(source: string): string {
  const groups = errorGroups(source);
  const listed = groups.flatMap(({ codes }) => codes);
  const missing = Object.keys(protocol.errors).filter((code) => !listed.includes(code as protocol.ErrorCode));
  if (missing.length > 0) throw new Error(`these error codes stand in no group: ${missing.join(", ")}`);
  return `${ERRORS_INTRODUCTION}\n${groups
    .map(
      ({ heading, codes }) =>
        `\n## ${heading}\n\n${table(
          ["Code", "Meaning", "Whose fault", "Try again", "HTTP status"],
          codes.map((code) => {
            const { meaning, fault, retry, status } = protocol.errors[code];
            return [`\`${code}\``, meaning, fault, AGAIN[retry], String(status)];
          }),
        )}\n`,
    )
    .join("")}`;
}

const ERRORS_INTRODUCTION = `# Error codes

Made by \`npm run docs\` from the table in \`protocol/src/errors.ts\`; do not edit it here.

A code is the whole of an error: it stands in the error message (section 3 of \`protocol.md\`), in the \`reason\` of a signed
answer, and in \`LeptaError.code\` in the SDK. Codes are stable. Only an answer that is signed decides anything: after any
other error the outcome of a transaction is as unknown as it was before.

*Whose fault* names the party that can mend it; *sender* and *recipient* are those of the message that was refused.
*Try again* says what may help: the same bytes (nothing is decided twice), a new request under a new \`txn\`, or nothing.`;

interface Group {
  readonly heading: string;
  readonly codes: readonly protocol.ErrorCode[];
}

/** The heading of `docs/errors.md` under which each code stands. */
export const errorHeadings = (source: string): ReadonlyMap<protocol.ErrorCode, string> =>
  new Map(errorGroups(source).flatMap(({ heading, codes }) => codes.map((code) => [code, heading] as const)));

function errorGroups(source: string): readonly Group[] {
  const groups: { heading: string; codes: protocol.ErrorCode[] }[] = [];
  for (const line of source.slice(source.indexOf("export const errors")).split("\n")) {
    const [, heading] = /^ {2}\/\/ (.+)\.$/.exec(line) ?? [];
    const [, code = ""] = /^ {2}"?([a-z-]+)"?: entry\(/.exec(line) ?? [];
    if (heading !== undefined) groups.push({ heading, codes: [] });
    else if (protocol.isErrorCode(code)) groups.at(-1)?.codes.push(code);
  }
  return groups;
}
