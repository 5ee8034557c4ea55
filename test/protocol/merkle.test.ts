import { createHash } from "node:crypto";
import { treeHash, utf8 } from "@lepta/protocol";
import { describe, expect, test } from "vitest";
import { fixed } from "../vectors/parties.ts";

const leaves = (count: number): readonly Uint8Array[] =>
  Array.from({ length: count }, (_, i) => fixed(`leaf ${i}`));
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const sha256 = (...parts: readonly Uint8Array[]): Buffer =>
  createHash("sha256").update(Buffer.concat(parts)).digest();

describe("the tree hash of RFC 9162", () => {
  test("is of nothing the hash of nothing", () => {
    expect(hex(treeHash([]))).toBe("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  });

  // The leaves and roots that Certificate Transparency (RFC 6962 and 9162) is tested with.
  test.each([
    [1, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"],
    [2, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
    [3, "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"],
    [4, "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"],
    [5, "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"],
    [6, "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"],
    [7, "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"],
    [8, "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"],
  ])("is of the first %i leaves of Certificate Transparency what is published", (count, expected) => {
    const published = [
      "",
      "00",
      "10",
      "2021",
      "3031",
      "40414243",
      "5051525354555657",
      "606162636465666768696a6b6c6d6e6f",
    ];
    const bytes = published.slice(0, count).map((each) => Uint8Array.from(Buffer.from(each, "hex")));
    expect(hex(treeHash(bytes))).toBe(expected);
  });

  test("agrees with a definition that builds the tree level by level, for 1 to 130 leaves", () => {
    for (let count = 1; count <= 130; count += 1)
      expect(hex(treeHash(leaves(count))), `${count} leaves`).toBe(hex(levelByLevel(leaves(count))));
  });

  test("tells every order and every selection of leaves apart", () => {
    const [a, b, c] = [utf8("a"), utf8("b"), utf8("c")];
    const selections = [[], [a], [a, a], [a, b], [b, a], [a, b, c], [a, c, b], [a, b, b], [a, b, c, c]];
    expect(new Set(selections.map((each) => hex(treeHash(each)))).size).toBe(selections.length);
  });

  test("never takes a node for a leaf", () => {
    const [a, b, c, d] = leaves(4) as [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
    expect(hex(treeHash([treeHash([a, b]), treeHash([c, d])]))).not.toBe(hex(treeHash([a, b, c, d])));
  });
});

/** The same tree from below: neighbours are joined, and one without a neighbour goes up as it is. */
function levelByLevel(leaves: readonly Uint8Array[]): Uint8Array {
  let level: readonly Uint8Array[] = leaves.map((leaf) => sha256(Uint8Array.of(0), leaf));
  while (level.length > 1) {
    const above: Uint8Array[] = [];
    for (let i = 0; i < level.length; i += 2) {
      const [left, right] = [level[i], level[i + 1]];
      if (left && right) above.push(sha256(Uint8Array.of(1), left, right));
      else if (left) above.push(left);
    }
    level = above;
  }
  return level[0] ?? sha256();
}
