/** The API reference: a page for each published package, made of what its sources declare and say. */
import * as protocol from "../protocol/src/index.ts";
import { type Layout, layout, methodHeading, type Section } from "./api-layout.ts";
import { errorHeadings } from "./errors-page.ts";
import { type Page, slug, table } from "./markdown.ts";
import type { Door, Exported, Member } from "./public-api.ts";
import { SHAPES } from "./shapes.ts";

/** A type that was inferred and is longer says less than the specification does. */
const LONGEST_TYPE = 90;

/** `docs/api/…`, one page for each package. */
export function apiPages(doors: readonly Door[], errorsSource: string): readonly Page[] {
  const folders = [...new Set(doors.map(({ folder }) => folder))];
  const layouts = folders.map((folder) => layout(folder, doors));
  const headings = errorHeadings(errorsSource);
  return layouts.map((own) => {
    const links = { headings, own, others: layouts.filter((other) => other !== own) };
    return { path: `docs/api/${own.folder}.md`, text: pageText(own, links) };
  });
}

interface Links {
  readonly headings: ReadonlyMap<protocol.ErrorCode, string>;
  readonly own: Layout;
  readonly others: readonly Layout[];
}

function pageText(own: Layout, links: Links): string {
  const parts = own.sections.map(({ door, groups, again }, at) => {
    const lines = [`${at === 0 ? "#" : "##"} ${door.name}`];
    if (at === 0) lines.push("Made by `npm run docs` from the docstrings; do not edit it here.");
    if (door.about !== "") lines.push(door.about);
    if (at === 0) lines.push(REMARKS[own.folder] ?? "");
    lines.push(contents(groups, links));
    if (again.length > 0) lines.push(`As above: ${again.map((found) => linkTo(found, links)).join(" · ")}`);
    for (const { group, exports } of groups) {
      if (groups.length > 1) lines.push(`## ${group.heading}`);
      if (group.isShort) lines.push(shortTable(exports));
      else lines.push(...exports.map((found) => entry(found, links)));
    }
    return lines.filter(Boolean).join("\n\n");
  });
  const text = parts.join("\n\n");
  return `${text}\n\n${definitions(text, links)}`;
}

/** Where the error codes that the page names as links lead, with what they mean. */
const definitions = (text: string, { headings }: Links): string =>
  [...headings]
    .filter(([code]) => text.includes(`[\`${code}\`]`))
    .map(
      ([code, heading]) =>
        `[\`${code}\`]: ../errors.md#${slug(heading)} ${JSON.stringify(meaningOf(code))}\n`,
    )
    .join("");

const meaningOf = (code: protocol.ErrorCode): string => protocol.errors[code].meaning.replaceAll('"', "'");

const SHAPES_OF_VALUES =
  'Amounts are text such as `"EUR 0.02"` where people write them, and elsewhere millionths of the major unit as bigint; times are integer milliseconds; identifiers are base64url text.';
const REMARKS: Readonly<Record<string, string>> = {
  protocol: `${SHAPES_OF_VALUES} A peer's fault is returned as a \`Refusal\`, whose code is of [the table](../errors.md). What is on the wire is specified in [protocol.md](../protocol.md).`,
  "peer-sdk": `${SHAPES_OF_VALUES} What fails throws a \`LeptaError\`, whose code is of [the table](../errors.md).`,
};

const contents = (groups: Section["groups"], links: Links): string =>
  groups
    .map(({ group, exports }) => {
      const names = group.isShort
        ? `[${exports.length} names](#${exports[0] && links.own.anchors.get(exports[0])})`
        : exports.map((found) => linkTo(found, links)).join(" · ");
      return groups.length > 1 ? `- **${group.heading}**: ${names}` : names;
    })
    .join("\n");

const linkTo = (found: Exported, { own }: Links): string => `[\`${found.name}\`](#${own.anchors.get(found)})`;

function entry(found: Exported, links: Links): string {
  const lines = [`### ${found.name}`, code(signatureOf(found)), remarks(found)];
  const isClass = found.kind === "class";
  const listed = found.members.filter(({ isMethod }) => !(isClass && isMethod));
  if (listed.length > 0) lines.push(memberTable(listed));
  lines.push(seeAlso(found.name, [found.signature, ...listed.map(({ signature }) => signature)], links));
  if (isClass)
    for (const member of found.members) if (member.isMethod) lines.push(method(found, member, links));
  return lines.filter(Boolean).join("\n\n");
}

function method(owner: Exported, { name, isStatic, signature, about }: Member, links: Links): string {
  const lines = [`#### ${methodHeading(owner, name, isStatic)}`, code(signature), linked(about)];
  return [...lines, seeAlso(owner.name, [signature], links)].filter(Boolean).join("\n\n");
}

const memberTable = (members: readonly Member[]): string =>
  table(
    ["Member", "Meaning"],
    members.map(({ signature, about }) => [`\`${plain(signature)}\``, linked(about)]),
  );

const shortTable = (exports: readonly Exported[]): string =>
  table(
    ["Name", "Meaning"],
    exports.map((found) => [`\`${signatureOf(found)}\``, remarks(found)]),
  );

function remarks(found: Exported): string {
  const heading = specifiedAs(found);
  return [
    linked(found.about),
    ...(heading === undefined ? [] : [`Specified as [${heading}](../protocol.md#${heading}).`]),
    ...(found.isInBrowsers ? [] : ["Not in browsers."]),
  ].join(" ");
}

/** The heading in docs/protocol.md under which a message or a shape is. */
function specifiedAs({ name, kind, file }: Exported): string | undefined {
  if (kind !== "const" || !file.startsWith("protocol/")) return undefined;
  const value: unknown = (protocol as Readonly<Record<string, unknown>>)[name];
  return protocol.messages.find((type) => type === value)?.name ?? SHAPES[name];
}

/** The error codes that a docstring says are thrown or returned become links. */
const linked = (about: string): string =>
  [THROWN, RETURNED].reduce(
    (text, where) =>
      text.replaceAll(where, (words) =>
        words.replaceAll(CODE, (word, code: string) => (protocol.isErrorCode(code) ? `[${word}]` : word)),
      ),
    about,
  );

/** What a docstring says is thrown: to the end of its sentence. */
export const THROWN = /\b[Tt]hrows\b(?:`[^`]*`|[^.`]|\.(?! |$))*/g;
/** What it says may be returned in the value's place. */
export const RETURNED = /\bor `[a-z-]+`/g;
/** What may be an error code. */
export const CODE = /`([a-z]+(?:-[a-z]+)*)`/g;

function seeAlso(own: string, signatures: readonly string[], { own: page, others }: Links): string {
  const names = signatures.flatMap(
    (signature) => signature.replaceAll(/"[^"]*"/g, "").match(/\b[A-Z]\w+/g) ?? [],
  );
  const found = [...new Set(names)]
    .filter((name) => name !== own)
    .flatMap((name) => {
      const here = typeNamed(page, name);
      if (here !== undefined) return [`[\`${name}\`](#${page.anchors.get(here)})`];
      const [elsewhere] = others.flatMap((other) => {
        const type = typeNamed(other, name);
        return type === undefined ? [] : [`[\`${name}\`](${other.folder}.md#${other.anchors.get(type)})`];
      });
      return elsewhere ?? [];
    });
  return found.length === 0 ? "" : `See ${found.join(", ")}.`;
}

const typeNamed = ({ anchors }: Layout, wanted: string): Exported | undefined =>
  [...anchors.keys()].find(
    ({ name, kind }) => name === wanted && (kind === "class" || kind === "interface" || kind === "type"),
  );

function signatureOf({ kind, signature }: Exported): string {
  const words = plain(signature);
  if (kind !== "const" || words.length <= LONGEST_TYPE) return words;
  return words.replace(/^(const \w+: )(?:(\w+)<.*|\{.*)$/, (_, start: string, type?: string) =>
    type === undefined ? `${start}{ … }` : `${start}${type}<…>`,
  );
}

const plain = (signature: string): string =>
  signature.replaceAll("Uint8Array<ArrayBufferLike>", "Uint8Array");

const code = (signature: string): string => `\`\`\`ts\n${signature}\n\`\`\``;
