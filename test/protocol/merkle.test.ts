import { createHash } from "node:crypto";
import { isInTree, limits, treeHash, treePath, treePaths, utf8 } from "@lepta/protocol";
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

describe("a path through the tree", () => {
  const sizes = [...Array.from({ length: 70 }, (_, i) => i + 1), 1000];

  test("of each of 1 to 70 and of 1000 leaves leads to the root, and to no other", () => {
    for (const size of sizes) {
      const all = leaves(size);
      const root = treeHash(all);
      const paths = treePaths(all);
      for (const [index, leaf] of all.entries()) {
        const path = paths[index] ?? [];
        expect(isInTree(leaf, index, size, path, root), `${index} of ${size}`).toBe(true);
        expect(path.length).toBeLessThanOrEqual(Math.ceil(Math.log2(size)));
        expect(isInTree(leaf, index, size, path, fixed("another root"))).toBe(false);
        expect(isInTree(fixed("another leaf"), index, size, path, root)).toBe(false);
      }
    }
  });

  // The audit path of RFC 9162 section 2.1.5's tree of seven leaves, as it is drawn there.
  test("is the published one for a tree of seven leaves", () => {
    const [d0, d1, d2, d3, d4, d5, d6] = leaves(7) as [
      Uint8Array,
      Uint8Array,
      Uint8Array,
      Uint8Array,
      Uint8Array,
      Uint8Array,
      Uint8Array,
    ];
    const leaf = (bytes: Uint8Array) => sha256(Uint8Array.of(0), bytes);
    const node = (left: Uint8Array, right: Uint8Array) => sha256(Uint8Array.of(1), left, right);
    const [a, b, c, d, e, f, j] = [d0, d1, d2, d3, d4, d5, d6].map(leaf) as [
      Buffer,
      Buffer,
      Buffer,
      Buffer,
      Buffer,
      Buffer,
      Buffer,
    ];
    const [g, h, i] = [node(a, b), node(c, d), node(e, f)];
    const [k, l] = [node(g, h), node(i, j)];
    const all = [d0, d1, d2, d3, d4, d5, d6];
    expect(treePath(all, 0).map(hex)).toEqual([b, h, l].map(hex));
    expect(treePath(all, 3).map(hex)).toEqual([c, g, l].map(hex));
    expect(treePath(all, 4).map(hex)).toEqual([f, j, k].map(hex));
    expect(treePath(all, 6).map(hex)).toEqual([i, k].map(hex));
  });

  test("stands for one index of one size only", () => {
    for (const size of [1, 2, 3, 5, 8, 13, 70]) {
      const all = leaves(size);
      const root = treeHash(all);
      for (const [index, leaf] of all.entries()) {
        const path = treePath(all, index);
        for (let other = 0; other < size + 2; other += 1)
          expect(isInTree(leaf, other, size, path, root), `${index} as ${other} of ${size}`).toBe(
            other === index,
          );
        for (const index2 of [-1, 0.5, Number.NaN, 2 ** 53])
          expect(isInTree(leaf, index2, size, path, root)).toBe(false);
        for (const size2 of [0, -1, size - 0.5, Number.POSITIVE_INFINITY])
          expect(isInTree(leaf, index, size2, path, root)).toBe(false);
      }
    }
  });

  test("of the last leaf tells that it is the last: no greater size takes it", () => {
    for (let size = 1; size <= 70; size += 1) {
      const all = leaves(size);
      const [leaf, path] = [all[size - 1] ?? fixed(""), treePath(all, size - 1)];
      for (const more of [1, 2, 3, 60])
        expect(isInTree(leaf, size - 1, size + more, path, treeHash(all)), `${size} and ${more}`).toBe(false);
    }
  });

  test("does not hold with a hash more, one less, two of them exchanged or any bit altered", () => {
    for (const size of [2, 3, 7, 20]) {
      const all = leaves(size);
      const root = treeHash(all);
      for (const [index, leaf] of all.entries()) {
        const path = treePath(all, index);
        const wrong = [
          path.slice(1),
          path.slice(0, -1),
          [...path, fixed("more")],
          [fixed("more"), ...path],
          ...(path.length > 1 ? [[...path].reverse()] : []),
          ...path.flatMap((hash, at) =>
            Array.from({ length: 256 }, (_, bit) => path.with(at, flip(hash, bit))),
          ),
        ];
        for (const each of wrong) expect(isInTree(leaf, index, size, each, root)).toBe(false);
        for (let bit = 0; bit < 256; bit += 1)
          expect(
            isInTree(flip(leaf, bit), index, size, path, root) ||
              isInTree(leaf, index, size, path, flip(root, bit)),
          ).toBe(false);
      }
    }
  });

  test("longer than any batch needs is not followed", () => {
    const path = Array.from({ length: limits.merklePath + 1 }, (_, i) => fixed(`hash ${i}`));
    let root: Uint8Array = sha256(Uint8Array.of(0), fixed("leaf"));
    for (const hash of path) root = sha256(Uint8Array.of(1), root, hash);
    expect(isInTree(fixed("leaf"), 0, 2 ** path.length, path, root)).toBe(false);
  });

  test("of a leaf that is not there cannot be asked for", () => {
    expect(() => treePath(leaves(3), 3)).toThrow(RangeError);
    expect(() => treePath([], 0)).toThrow(RangeError);
  });
});

function flip(bytes: Uint8Array, bit: number): Uint8Array {
  const altered = bytes.slice();
  altered[bit >> 3] = (altered[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return altered;
}

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
