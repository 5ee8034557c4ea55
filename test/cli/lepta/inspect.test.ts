import { stripVTControlCharacters } from "node:util";
import { encodeReceipt, limits } from "@lepta/protocol";
import { describe, expect, test } from "vitest";
import { INPUT_BYTES, inspectInput } from "../../../cli/src/lepta/inspect.ts";
import { everything } from "../../protocol/inspections.ts";
import { laneRun, signedPurchase } from "../../protocol/receipts.ts";
import { network, now, stranger } from "../../vectors/parties.ts";

const receipt = encodeReceipt(await signedPurchase());
const { request: item } = (await laneRun()).receiptOf(1);
const at = { network, now };
const text = (characters: string): Uint8Array => Buffer.from(characters);

describe("lepta inspect", () => {
  test("reads bytes as they are, and in hex, base64 and base64url, over several lines", async () => {
    const raw = await inspectInput(receipt, at);
    expect(raw.isBad).toBe(false);
    const buffer = Buffer.from(receipt);
    const lines = (buffer.toString("base64").match(/.{1,76}/g) ?? []).join("\r\n");
    const notations = {
      hex: buffer.toString("hex").toUpperCase(),
      base64url: buffer.toString("base64url"),
      base64: `${lines}\n`,
    };
    for (const [notation, written] of Object.entries(notations)) {
      const inspected = await inspectInput(text(`  ${written}\n`), at);
      expect(inspected.json, notation).toEqual(raw.json);
      expect(inspected.text).toContain(` in ${notation}\n`);
    }
    expect((await inspectInput(text(`0x${notations.hex}`), at)).json).toEqual(raw.json);
  });

  test("takes an item that begins with no digit of any notation as the bytes that it is", async () => {
    expect((await inspectInput(item, at)).json).toMatchObject({
      title: expect.stringContaining("on a lane"),
    });
  });

  test("tells each check with a mark, and only where asked with a colour", async () => {
    const plain = await inspectInput(receipt, at);
    expect(plain.text).toContain("  ✓ Merchant's signature");
    expect(plain.text).toContain("13 of 13 checks hold, 0 do not.");
    expect(plain.text).not.toContain("\u001b");
    const coloured = await inspectInput(receipt, { ...at, isColor: true });
    expect(coloured.text).toContain("\u001b[32m✓\u001b[0m Merchant's signature");
    expect(stripVTControlCharacters(coloured.text)).toBe(plain.text);
  });

  test("says that something is wrong only where a check is red, not where it cannot be made", async () => {
    const foreign = await inspectInput(receipt, { ...at, network: stranger.uid });
    expect(foreign.isBad).toBe(true);
    expect(foreign.text).toMatch(/✗ Root key .*\(wrong-root\)/);
    const unpinned = await inspectInput(receipt);
    expect(unpinned.isBad).toBe(false);
    expect(unpinned.text).toContain("  ? Root key");
  });

  test("gives programs the same as one document", async () => {
    const { json } = await inspectInput(receipt, { ...at, ...everything });
    expect(JSON.parse(JSON.stringify(json))).toMatchObject({
      kind: "receipt",
      checks: expect.arrayContaining([expect.objectContaining({ name: "Root key", state: "good" })]),
    });
  });

  test("refuses what is empty, prose or too long, and shows none of it", async () => {
    for (const input of ["", "\n", "Dear Sir or Madam,", "abcde"]) {
      const { isBad, text: shown } = await inspectInput(text(input), at);
      expect(isBad, input).toBe(true);
      expect(shown).not.toContain("Madam");
    }
    const long = await inspectInput(new Uint8Array(limits.receiptBytes + 1).fill(0x61), at);
    expect(long.isBad).toBe(true);
    expect((await inspectInput(new Uint8Array(INPUT_BYTES + 1).fill(0x61), at)).isBad).toBe(true);
  });
});
