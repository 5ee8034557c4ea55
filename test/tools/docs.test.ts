import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { routes } from "@lepta/lambdas";
import { errors, limits, messages } from "@lepta/protocol";
import { beforeAll, describe, expect, test } from "vitest";
import { docComments } from "../../tools/doc-comments.ts";
import { errorsPage } from "../../tools/errors-page.ts";
import { fill } from "../../tools/markdown.ts";
import { root } from "../../tools/packages.ts";
import { generateDocs, staleDocs } from "../../tools/reference.ts";

let errorsText: string;
let specification: string;

beforeAll(async () => {
  errorsText = await readFile(join(root, "docs/errors.md"), "utf8");
  specification = await readFile(join(root, "docs/protocol.md"), "utf8");
});

describe("the documents", () => {
  test("say what the code says", async () => {
    expect((await staleDocs()).map(({ path }) => path)).toEqual([]);
  });

  test("stay as they are when they are made again", async () => {
    const pages = await generateDocs();
    expect(pages.find(({ path }) => path === "docs/protocol.md")?.text).toBe(specification);
  });

  test("list every error code once, with its status", () => {
    for (const [code, { meaning, status }] of Object.entries(errors)) {
      const rows = errorsText.split("\n").filter((line) => line.startsWith(`| \`${code}\` |`));
      expect(rows).toHaveLength(1);
      expect(rows[0]).toContain(meaning);
      expect(rows[0]).toMatch(new RegExp(` \\| ${status} \\|$`));
    }
  });

  test.each(messages)("specify $name with all its fields", ({ name, mediaType, limit, fields }) => {
    const [, section = ""] = specification.split(`\n### ${name}\n`);
    const own = section.split("\n### ")[0] ?? "";
    expect(own).toContain(`\`${mediaType}\``);
    expect(own).toContain(`${limit.toLocaleString("en")} bytes`);
    for (const [field, { key }] of Object.entries(fields)) expect(own).toContain(`| ${key} | \`${field}\` |`);
  });

  test("speak of every message outside its own table", () => {
    const prose = specification.split("<!-- messages -->")[0] ?? "";
    for (const { name } of messages) expect(prose).toContain(`(#${name})`);
  });

  test("name the common fields by the keys that the codecs give them", () => {
    const request = messages.find(({ kind }) => kind === "request");
    const common = [...(request?.codec.shape.matchAll(/(\d+): [^;,{}]+ ; (\w+)/g) ?? [])]
      .map(([, key, name]) => ({ key: Number(key), name }))
      .filter(({ key }) => key < 10);
    expect(common).toHaveLength(8);
    for (const { key, name } of common) expect(specification).toContain(`| ${key} | \`${name}\` |`);
  });

  test("list every limit and every door", () => {
    for (const name of Object.keys(limits)) expect(specification).toContain(`| \`${name}\` |`);
    for (const { method, path } of routes) expect(specification).toContain(`| ${method} | \`${path}\` |`);
  });

  test("link only to headings that are there", () => {
    const headings = [...specification.matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N} -]/gu, "")
        .replaceAll(" ", "-"),
    );
    expect(new Set(headings).size).toBe(headings.length);
    for (const [, target] of specification.matchAll(/\]\(#([^)]+)\)/g)) expect(headings).toContain(target);
  });
});

describe("the generator", () => {
  test("fills between markers and leaves the rest alone", () => {
    const text = "before\n<!-- a -->\nold\n<!-- /a -->\nafter\n";
    const filled = fill(text, { a: "new" });
    expect(filled).toBe("before\n<!-- a -->\n\nnew\n\n<!-- /a -->\nafter\n");
    expect(fill(filled, { a: "new" })).toBe(filled);
  });

  test.each([
    ["is missing", "text\n"],
    ["does not end", "<!-- a -->\ntext\n"],
    ["is there twice", "<!-- a -->\n<!-- /a -->\n<!-- a -->\n<!-- /a -->\n"],
  ])("refuses a document where a marker %s", (_case, text) => {
    expect(() => fill(text, { a: "new" })).toThrow('markers of "a"');
  });

  test("refuses a table of errors in which a code stands in no group", () => {
    expect(() => errorsPage("export const errors = {\n  // Some.\n  malformed: entry(")).toThrow(
      "stand in no group",
    );
  });

  test("reads a comment as belonging to what stands right below it", () => {
    const source = [
      "/** One. */",
      "export const thing = struct({",
      "  /** Two lines",
      "   * of a field. */",
      "  first: field(1, uid),",
      "  second: field(2, uid),",
      "});",
    ].join("\n");
    expect([...docComments(source)]).toEqual([
      ["thing", "One."],
      ["thing.first", "Two lines of a field."],
    ]);
  });
});
