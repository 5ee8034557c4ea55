import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Fault } from "@lepta/cli/lepta/fault";
import { readCatalogue } from "@lepta/cli/lepta/merchant/catalogue";
import { duplicateNames } from "@lepta/cli/lepta/merchant/duplicate-names";
import { limits } from "@lepta/protocol";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

let dir: string;
let shop: string;

beforeEach(async () => {
  dir = await realpath(await mkdtemp(join(tmpdir(), "lepta-catalogue-")));
  shop = join(dir, "shop");
  await mkdir(join(shop, "photos"), { recursive: true });
});
afterEach(() => rm(dir, { recursive: true }));

const STORY = { price: "EUR 0.02", text: "The whole story." };

/** What is said of a catalogue with this text. */
async function faultOf(text: string | Uint8Array): Promise<Fault> {
  const path = join(shop, "catalogue.json");
  await writeFile(path, text);
  const error = await readCatalogue(path).catch((thrown: unknown) => thrown);
  if (!(error instanceof Fault)) throw new Error(`no fault: ${String(error)}`);
  return error;
}

test("texts and files are delivered as they are, with the type that fits", async () => {
  await writeFile(join(shop, "photos/3.jpg"), Buffer.from([0xff, 0xd8]));
  await symlink("photos/3.jpg", join(shop, "link.jpg"));
  const path = join(shop, "catalogue.json");
  const items = {
    "article-17": { ...STORY, description: "A story" },
    page: { price: "EUR 0.000001", text: "<p>", type: "text/html" },
    raw: { price: "EUR 1", file: "photos/3.jpg" },
    photo: { price: "EUR 1", file: "link.jpg", type: "image/jpeg" },
    ["__proto__"]: STORY,
  };
  await writeFile(path, JSON.stringify(items));
  const read = await readCatalogue(path);
  expect(
    read.map(({ sku, goods: { type, bytes } }) => [sku, type, Buffer.from(bytes).toString("latin1")]),
  ).toEqual([
    ["article-17", "text/plain;charset=utf-8", "The whole story."],
    ["page", "text/html", "<p>"],
    ["raw", "application/octet-stream", "\u00ff\u00d8"],
    ["photo", "image/jpeg", "\u00ff\u00d8"],
    ["__proto__", "text/plain;charset=utf-8", "The whole story."],
  ]);
  expect(read[0]).toMatchObject({ description: "A story", price: { currency: "EUR", value: 20_000n } });
});

describe("each fault names the item and says how to mend it:", () => {
  test.each([
    ["no price", { text: "x" }, "it has no price: write it as"],
    ["a price that is a number", { price: 0.02, text: "x" }, "its price is 0.02 and no text: write it as"],
    ["a price without currency", { price: "0.02", text: "x" }, 'its price is "0.02": write it as'],
    ["a price of nothing", { price: "EUR 0.00", text: "x" }, 'its price is "EUR 0.00": write it as'],
    ["a price below a millionth", { price: "EUR 0.0000001", text: "x" }, "at most six places"],
    ["a price beyond every purse", { price: "EUR 9999999999999999", text: "x" }, "write it as"],
    ["a negative price", { price: "EUR -1.00", text: "x" }, "a number above 0"],
    [
      "a member that is not known",
      { ...STORY, pirce: "EUR 1" },
      '"pirce" is not known here: an item has price',
    ],
    ["nothing to deliver", { price: "EUR 1" }, 'there is nothing to deliver: give it a "text"'],
    ["two things to deliver", { ...STORY, file: "x" }, "which of the two is delivered? Remove one"],
    ["an empty text", { price: "EUR 1", text: "" }, "its goods are empty"],
    ["a text that is none", { price: "EUR 1", text: 5 }, "its text is 5 and no text: put it in quotes"],
    [
      "a long description",
      { ...STORY, description: "x".repeat(257) },
      "longer than 256 characters: shorten it",
    ],
    ["half a character", { ...STORY, description: "\ud800" }, "its description"],
    [
      "a type with a line break",
      { ...STORY, type: "text/html\r\nx: y" },
      'write a media type such as "image/jpeg"',
    ],
    ["goods that are too long", { price: "EUR 1", text: "x".repeat(limits.deliveryBytes + 1) }, "split them"],
    ["an item that is a text", "The whole story.", "an item is an object"],
    ["an item that is a list", [], "an item is an object"],
    ["a file that is not there", { price: "EUR 1", file: "none" }, "is not there: check the path"],
    ["a file below a file", { price: "EUR 1", file: "catalogue.json/x" }, "is not there: check the path"],
    ["a directory", { price: "EUR 1", file: "photos" }, '"photos" is no file: name one'],
    [
      "a file outside",
      { price: "EUR 1", file: "../secret" },
      "is not below the catalogue's directory: move it there",
    ],
    ["a file outside, around a corner", { price: "EUR 1", file: "photos/../../secret" }, "move it there"],
    ["a file by its whole path", { price: "EUR 1", file: "/etc/passwd" }, "move it there"],
    ["no file's name", { price: "EUR 1", file: "" }, "move it there"],
  ])("%s", async (_, item, says) => {
    await writeFile(join(dir, "secret"), "secret");
    const { code, message, exit, todo } = await faultOf(JSON.stringify({ good: STORY, "item-9": item }));
    expect([code, exit]).toEqual(["bad-catalogue", 2]);
    expect(message).toMatch(/: "item-9": /);
    expect(message).toContain(says);
    expect(message).not.toContain('"good"');
    expect(todo).toContain("lepta merchant serve --help");
  });

  test.each([
    ["", "a name has 1 to 64 characters"],
    ["x".repeat(65), "a name has 1 to 64 characters"],
  ])("the name %j", async (name, says) => {
    expect((await faultOf(JSON.stringify({ [name]: STORY }))).message).toContain(says);
  });

  test("a link that leads out of the directory, also over a directory", async () => {
    await writeFile(join(dir, "secret"), "secret");
    await symlink("../secret", join(shop, "harmless"));
    await symlink("..", join(shop, "up"));
    for (const file of ["harmless", "up/secret"]) {
      const { message } = await faultOf(JSON.stringify({ "item-9": { price: "EUR 1", file } }));
      expect(message).toContain("leads out of the catalogue's directory: put the file itself there");
    }
  });

  test("a link that leads nowhere, or in a circle", async () => {
    await symlink("none", join(shop, "dangling"));
    await symlink("circle", join(shop, "circle"));
    expect((await faultOf('{"a":{"price":"EUR 1","file":"dangling"}}')).message).toContain("is not there");
    expect((await faultOf('{"a":{"price":"EUR 1","file":"circle"}}')).message).toContain("in a circle");
  });

  test("a neighbour whose path begins as the directory's does", async () => {
    await mkdir(join(dir, "shop-secrets"));
    await writeFile(join(dir, "shop-secrets/x"), "secret");
    const { message } = await faultOf('{"a":{"price":"EUR 1","file":"../shop-secrets/x"}}');
    expect(message).toContain("move it there");
  });

  test("a file that is too long is not read", async () => {
    await writeFile(join(shop, "long"), Buffer.alloc(limits.deliveryBytes + 1));
    expect((await faultOf('{"a":{"price":"EUR 1","file":"long"}}')).message).toContain("split it");
  });

  test("all faults are told at once", async () => {
    const { message } = await faultOf(JSON.stringify({ a: { price: "EUR 1" }, b: { text: "x" } }));
    expect(message).toMatch(/"a": there is nothing to deliver: .*; "b": it has no price: /);
  });
});

describe("a catalogue is refused as a whole", () => {
  test.each([
    ["no JSON", "{", "it is no JSON"],
    ["nothing", "", "it is no JSON"],
    ["a list", "[]", "it must be an object of items"],
    ["null", "null", "it must be an object of items"],
    ["no item", "{}", "it has no item: write one such as"],
    [
      "an item twice",
      '{"a":{"price":"EUR 1","text":"x"},"a":{"price":"EUR 2","text":"x"}}',
      '"a" stands there twice',
    ],
    ["a price twice", '{"a":{"price":"EUR 1","price":"EUR 2","text":"x"}}', '"price" stands there twice'],
    [
      "two currencies",
      '{"a":{"price":"EUR 1","text":"x"},"b":{"price":"USD 1","text":"x"}}',
      "its prices are in EUR and USD: a broker deals in one currency",
    ],
  ])("with %s", async (_, text, says) => {
    const { code, message } = await faultOf(text);
    expect(code).toBe("bad-catalogue");
    expect(message).toContain(says);
  });

  test("in another encoding", async () => {
    expect((await faultOf(Buffer.from('{"a":"\xff"}', "latin1"))).message).toContain("save it as UTF-8");
  });

  test("that is a directory", async () => {
    const error = await readCatalogue(shop).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "bad-catalogue", message: expect.stringContaining("is no file") });
  });
});

test("names in strings, and the same name in two objects, stand there once", () => {
  expect(duplicateNames('{"a":"\\"b\\":","b":{"a":1},"c":[{"a":1},{"a":1}]}')).toEqual([]);
  expect(duplicateNames('{"a":1,"\\u0061":2,"c":{"d":1, "d" : 2}}')).toEqual(["a", "d"]);
});
