import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { isErrorCode } from "@lepta/protocol";
import { beforeAll, describe, expect, test } from "vitest";
import { CODE, RETURNED, THROWN } from "../../tools/api-pages.ts";
import { slug } from "../../tools/markdown.ts";
import { PACKAGES, root } from "../../tools/packages.ts";
import { type Door, type Exported, readDoors } from "../../tools/public-api.ts";

let doors: readonly Door[];
let pages: ReadonlyMap<string, string>;

beforeAll(async () => {
  doors = await readDoors();
  const paths = [...PACKAGES.map((folder) => `api/${folder}.md`), "errors.md", "protocol.md"];
  pages = new Map(
    await Promise.all(
      paths.map(async (path) => [path, await readFile(join(root, "docs", path), "utf8")] as const),
    ),
  );
});

interface Documented {
  readonly name: string;
  readonly about: string;
  readonly signature: string;
}

/** Every exported name, and what a class offers, with the docstring. */
const documented = (): readonly Documented[] =>
  doors.flatMap((door) =>
    door.exports.flatMap((found) => [
      { ...found, name: `${door.name} ${found.name}` },
      ...found.members.map((member) => ({ ...member, name: `${door.name} ${found.name}.${member.name}` })),
    ]),
  );

const isOpen = ({ name }: { readonly name: string }): boolean =>
  doors.some((door) =>
    door.exports.some((found) => found.kind !== "class" && name.startsWith(`${door.name} ${found.name}.`)),
  );

describe("every exported name", () => {
  test("has a docstring, and so has all that a class offers", () => {
    const silent = documented().filter((each) => each.about === "" && !isOpen(each));
    expect(silent.map(({ name }) => name)).toEqual([]);
  });

  test("says only of codes of the table that they are thrown or returned", () => {
    const told = documented().flatMap(({ name, about, signature }) => {
      const words = [...about.matchAll(THROWN), ...(/\bOr</.test(signature) ? about.matchAll(RETURNED) : [])];
      return words.flatMap(([said]) => [...said.matchAll(CODE)].map(([, code = ""]) => ({ name, code })));
    });
    expect(told.length).toBeGreaterThan(40);
    expect(told.filter(({ code }) => !isErrorCode(code))).toEqual([]);
  });

  test("stands on the page of its package", () => {
    for (const { folder, exports } of doors)
      for (const { name } of exports)
        expect(pages.get(`api/${folder}.md`)).toMatch(new RegExp(`\\b${name}\\b`));
  });

  test("is made of types that can be imported, too", () => {
    const known = new Set([
      ...doors.flatMap((door) => door.exports.map(({ name }) => name)),
      ...PLATFORM,
      ...INSIDE,
    ]);
    const sdk = doors.find(({ name }) => name === "@lepta/peer-sdk")?.exports ?? [];
    const unknown = sdk.flatMap((found) => typesOf(found).filter((type) => !known.has(type)));
    expect(sdk.length).toBeGreaterThan(40);
    expect([...new Set(unknown)]).toEqual([]);
  });
});

/** What the language and the platforms bring. */
const PLATFORM = [
  ...["Error", "Partial", "Pick", "Promise", "Readonly", "Record", "Uint8Array"],
  ...["AbortSignal", "IDBFactory", "LockManager", "Request", "Response", "URL"],
];
/** By which one part of the SDK hands something to another; whoever embeds it leaves them out. */
const INSIDE = ["Delivery", "SoldBeside"];

const typesOf = ({ signature, members }: Exported): readonly string[] =>
  [signature, ...members.map((member) => member.signature)].flatMap(
    (words) => words.replaceAll(/"[^"]*"/g, "").match(/\b[A-Z]\w+/g) ?? [],
  );

describe("the API reference", () => {
  test("links only to headings and definitions that are there", () => {
    for (const folder of PACKAGES) {
      const page = `api/${folder}.md`;
      const text = pages.get(page) ?? "";
      const targets = [...text.matchAll(/\]\(([^)]+)\)|^\[.+\]: (\S+)/gm)].map(
        ([, link, defined]) => link ?? defined,
      );
      expect(targets.length).toBeGreaterThan(30);
      for (const target of targets) {
        const [path = "", anchor] = (target ?? "").split("#");
        const to = path === "" ? page : path.startsWith("../") ? path.slice(3) : `api/${path}`;
        expect(pages.has(to), target).toBe(true);
        if (anchor !== undefined) expect(anchorsOf(pages.get(to) ?? ""), target).toContain(anchor);
      }
      const defined = [...text.matchAll(/^(\[`[a-z-]+`\]): /gm)].map(([, label]) => label);
      for (const [label] of text.matchAll(/\[`[a-z-]+`\](?![:(])/g)) expect(defined).toContain(label);
    }
  });

  test("leaves out what is private or the package's own", () => {
    const wallet = named("Wallet");
    expect(wallet?.members.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["open", "buy", "close", "uid"]),
    );
    for (const { name, about } of wallet?.members ?? []) {
      expect(name).toMatch(/^[a-z]\w+$/);
      expect(about).not.toContain("@internal");
    }
    expect(wallet?.members.map(({ name }) => name)).not.toContain("of");
  });

  test("tells what browsers do not have", () => {
    expect(named("Wallet")?.isInBrowsers).toBe(true);
    expect(named("Merchant")?.isInBrowsers).toBe(false);
  });

  test("shows a signature without body, comments and line breaks", () => {
    expect(named("Wallet")?.members.find(({ name }) => name === "buy")?.signature).toBe(
      "buy(url: string, sku: string, options: BuyOptions): Promise<{ readonly goods: Goods; readonly receipt: Receipt }>",
    );
    expect(named("parseAmount")?.signature).toBe("parseAmount(text: string): Amount");
  });
});

const named = (wanted: string): Exported | undefined =>
  doors.find(({ name }) => name === "@lepta/peer-sdk")?.exports.find(({ name }) => name === wanted);

/** As GitHub makes them: a heading that comes again is counted. */
function anchorsOf(text: string): readonly string[] {
  const times = new Map<string, number>();
  return [...text.replaceAll(/^```[\s\S]*?^```/gm, "").matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) => {
    const anchor = slug(heading);
    const before = times.get(anchor) ?? 0;
    times.set(anchor, before + 1);
    return before === 0 ? anchor : `${anchor}-${before}`;
  });
}
