/** The parts of the documents that the code itself says: error codes, shapes, messages, limits, doors. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { findingNames } from "../lambdas/src/broker/reconcile/findings.ts";
import { routes } from "../lambdas/src/routes.ts";
import * as protocol from "../protocol/src/index.ts";
import { readDocComments } from "./doc-comments.ts";
import { root } from "./packages.ts";

/** A document and the text that it should have. */
export interface Page {
  /** Relative to the repository's root. */
  readonly path: string;
  readonly text: string;
}

type Comments = ReadonlyMap<string, string>;
type Fields = Readonly<Record<string, Pick<protocol.Field<unknown, boolean>, "key" | "codec" | "optional">>>;

/** Every document that is generated, whole or in part, as it should be now. */
export async function generateDocs(): Promise<readonly Page[]> {
  const comments = await readDocComments(join(root, "protocol/src"));
  const path = "docs/protocol.md";
  const specification = await readFile(join(root, path), "utf8");
  const sections = {
    shapes: shapesSection(comments),
    messages: messagesSection(comments),
    session: sessionSection(comments),
    limits: limitsSection(await readFile(join(root, "protocol/src/limits.ts"), "utf8")),
    doors: doorsSection(),
  };
  return [
    {
      path: "docs/errors.md",
      text: errorsPage(await readFile(join(root, "protocol/src/error-table.ts"), "utf8")),
    },
    { path, text: fill(specification, sections) },
    {
      path: HANDBOOK,
      text: fill(await readFile(join(root, HANDBOOK), "utf8"), { findings: findingsSection() }),
    },
  ];
}

const HANDBOOK = "docs/operate.md";

/** What reconciliation can find, with what it means. */
const findingsSection = (): string =>
  [
    "| finding | what it means and what to do |",
    "| --- | --- |",
    ...Object.entries(findingNames).map(([name, meaning]) => `| \`${name}\` | ${meaning} |`),
  ].join("\n");

/** The documents whose files differ from what they should be. */
export async function staleDocs(): Promise<readonly Page[]> {
  const pages = await generateDocs();
  const kept = await Promise.all(pages.map(({ path }) => readIfThere(join(root, path))));
  return pages.filter(({ text }, at) => kept[at] !== text);
}

/** Puts each section between its markers, `<!-- name -->` and `<!-- /name -->`. Throws where a pair is not there once. */
export function fill(text: string, sections: Readonly<Record<string, string>>): string {
  let filled = text;
  for (const [name, section] of Object.entries(sections)) {
    const [before, rest, ...more] = filled.split(`<!-- ${name} -->\n`);
    const [, after, ...others] = rest?.split(`<!-- /${name} -->`) ?? [];
    if (before === undefined || after === undefined || more.length + others.length > 0)
      throw new Error(`the document does not hold the markers of "${name}" exactly once`);
    filled = `${before}<!-- ${name} -->\n\n${section}\n\n<!-- /${name} -->${after}`;
  }
  return filled;
}

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

Made by \`npm run docs\` from the table in \`protocol/src/error-table.ts\`; do not edit it here.

A code is the whole of an error: it stands in the error message (section 3 of \`protocol.md\`), in the \`reason\` of a signed
answer, and in \`LeptaError.code\` in the SDK. Codes are stable. Only an answer that is signed decides anything: after any
other error the outcome of a transaction is as unknown as it was before.

*Whose fault* names the party that can mend it; *sender* and *recipient* are those of the message that was refused.
*Try again* says what may help: the same bytes (nothing is decided twice), a new request under a new \`txn\`, or nothing.`;

interface Group {
  readonly heading: string;
  readonly codes: readonly protocol.ErrorCode[];
}

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

/** The shapes that have a name of their own, by the constant that defines them. */
const SHAPES: Readonly<Record<string, string>> = {
  scripBodyCodec: "scrip-body",
  scripCodec: "scrip",
  grantCodec: "grant",
  spendCodec: "spend",
  brokerSpendCodec: "broker-spend",
  purchaseSpendCodec: "purchase-spend",
  returnSpendCodec: "return-spend",
  orderCodec: "order",
  recordCodec: "record",
  placeCodec: "place",
  secretCodec: "secret",
  contentCodec: "content",
  credentialCodec: "credential",
  brokerKeysCodec: "broker-keys",
  errorCodec: "error",
  frameCodec: "frame",
  signedStatement: "signed-statement",
  sessionHello: "session-hello",
  recordedCodec: "recorded",
  runCodec: "run",
  receiptCodec: "receipt",
};

const SESSION_ITEMS = [
  "laneOpen",
  "laneOpened",
  "laneBuy",
  "laneSold",
  "laneRefused",
  "sessionMessage",
  "laneClose",
  "ping",
  "pong",
  "sessionClose",
  "laneResume",
  "laneJoined",
  "laneFault",
  "statementProposal",
  "statementSigned",
  "statementsRecorded",
] as const;

function shapesSection(comments: Comments): string {
  return Object.entries(SHAPES)
    .map(([constant, name]) => {
      const codec = codecNamed(constant);
      const fields = fieldsOf(codec);
      const sentence = comments.get(constant);
      const body = fields === undefined ? `\`${codec.shape}\`` : fieldTable(fields, constant, comments);
      return `### ${name}\n\n${sentence === undefined ? "" : `${sentence}\n\n`}${body}`;
    })
    .join("\n\n");
}

function messagesSection(comments: Comments): string {
  const constants = new Map<unknown, string>(Object.entries(protocol).map(([name, value]) => [value, name]));
  return protocol.messages
    .map((type) => {
      const constant = constants.get(type);
      const sentence = constant === undefined ? undefined : comments.get(constant);
      if (constant === undefined || sentence === undefined)
        throw new Error(`the message ${type.name} is not exported or says nothing of itself`);
      const head = `\`${type.mediaType}\`, ${type.kind}, at most ${type.limit.toLocaleString("en")} bytes.`;
      return `### ${type.name}\n\n${sentence}\n\n${head}\n\n${fieldTable(type.fields, constant, comments)}`;
    })
    .join("\n\n");
}

function sessionSection(comments: Comments): string {
  const rows = SESSION_ITEMS.map((name) => [
    `\`${name}\``,
    `\`${named(codecNamed(name))}\``,
    comments.get(name) ?? "As above, with the number of the row; see the row before.",
  ]);
  return table(["Item", "Shape", "Meaning"], rows);
}

function limitsSection(source: string): string {
  const rows: string[][] = [];
  let comment = "";
  for (const line of source.split("\n")) {
    const [, sentence] = /^ {2}\/\*\* (.*) \*\/$/.exec(line) ?? [];
    const [, name] = /^ {2}(\w+): /.exec(line) ?? [];
    comment = sentence ?? comment;
    if (name === undefined) continue;
    const value = (protocol.limits as Readonly<Record<string, number | bigint>>)[name];
    if (value === undefined) throw new Error(`the limit ${name} cannot be read`);
    rows.push([`\`${name}\``, value.toLocaleString("en"), comment]);
  }
  return table(["Name", "Value", "Meaning"], rows);
}

const doorsSection = (): string =>
  table(
    ["Method", "Path", "Function", "Bytes of the body at most"],
    routes.map(({ method, path, capability, bodyLimit }) => [
      method,
      `\`${path}\``,
      capability,
      bodyLimit.toLocaleString("en"),
    ]),
  );

function fieldTable(fields: Fields, constant: string, comments: Comments): string {
  const rows = Object.entries(fields).map(([name, { key, codec, optional }]) => [
    String(key),
    `\`${name}\``,
    `\`${named(codec)}\``,
    optional ? "may be absent" : "always",
    comments.get(`${constant}.${name}`) ??
      (isVerdict(name, codec) ? (comments.get(`verdict.${name}`) ?? "") : ""),
  ]);
  return rows.length === 0
    ? "No fields of its own."
    : table(["Key", "Field", "Shape", "There", "Meaning"], rows);
}

/** The shape in words of this document: by its name where it has one. */
function named(codec: protocol.Codec<unknown>): string {
  let { shape } = codec;
  for (const [constant, name] of Object.entries(SHAPES)) {
    const known = codecNamed(constant);
    if (known === codec) return name;
    // Inside an array only the text tells; short shapes such as a pair of a number and a hash could be anything.
    if (fieldsOf(known) !== undefined) shape = shape.replaceAll(known.shape, name);
  }
  return shape;
}

const isVerdict = (name: string, codec: protocol.Codec<unknown>): boolean =>
  (protocol.verdict as Fields)[name]?.codec === codec;

function codecNamed(constant: string): protocol.Codec<unknown> {
  const value = (protocol as Readonly<Record<string, unknown>>)[constant];
  if (typeof value !== "object" || value === null || !("shape" in value))
    throw new Error(`${constant} is no codec of the protocol`);
  return value as protocol.Codec<unknown>;
}

const fieldsOf = (codec: protocol.Codec<unknown>): Fields | undefined =>
  "fields" in codec ? (codec.fields as Fields) : undefined;

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    // A document that was never made is as stale as one that differs.
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
