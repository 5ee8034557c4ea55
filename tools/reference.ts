/** The parts of the documents that the code itself says: error codes, shapes, messages, limits, doors, the SDK's names. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { findingNames } from "../lambdas/src/broker/reconcile/findings.ts";
import { routes } from "../lambdas/src/routes.ts";
import * as protocol from "../protocol/src/index.ts";
import { apiPages } from "./api-pages.ts";
import { readDocComments } from "./doc-comments.ts";
import { errorsPage } from "./errors-page.ts";
import { fill, type Page, table } from "./markdown.ts";
import { root } from "./packages.ts";
import { readDoors } from "./public-api.ts";
import { SHAPES } from "./shapes.ts";

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
    limits: limitsSection(await readTogether(["core-limits.ts", "limits.ts"])),
    doors: doorsSection(),
  };
  const errorsSource = await readFile(join(root, "protocol/src/error-table.ts"), "utf8");
  return [
    { path: "docs/errors.md", text: errorsPage(errorsSource) },
    { path, text: fill(specification, sections) },
    {
      path: HANDBOOK,
      text: fill(await readFile(join(root, HANDBOOK), "utf8"), { findings: findingsSection() }),
    },
    ...apiPages(await readDoors(), errorsSource),
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

const readTogether = async (files: readonly string[]): Promise<string> =>
  (await Promise.all(files.map((file) => readFile(join(root, "protocol/src", file), "utf8")))).join("\n");

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    // A document that was never made is as stale as one that differs.
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
