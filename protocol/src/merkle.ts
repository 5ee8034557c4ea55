/**
 * Merkle trees of RFC 9162 section 2.1: the hash of an acknowledgement over many entries at once, and the path that
 * shows one entry in it to somebody who does not have the others.
 */
import { equalBytes } from "./bytes.ts";
import { sha256 } from "./hash.ts";
import { limits } from "./limits.ts";

const LEAF = new Uint8Array([0]);
const NODE = new Uint8Array([1]);

/** 32 bytes over the leaves in their order (RFC 9162 section 2.1.1). */
export function treeHash(leaves: readonly Uint8Array[]): Uint8Array {
  const [first] = leaves;
  if (first === undefined) return sha256();
  if (leaves.length === 1) return sha256(LEAF, first);
  let split = 1;
  while (split * 2 < leaves.length) split *= 2;
  return sha256(NODE, treeHash(leaves.slice(0, split)), treeHash(leaves.slice(split)));
}

/** The path of the leaf at `index` (RFC 9162 section 2.1.3.1), from the leaf to the root. Throws where there is no such leaf. */
export function treePath(leaves: readonly Uint8Array[], index: number): readonly Uint8Array[] {
  if (!(index in leaves)) throw new RangeError(`no leaf ${index} among ${leaves.length}`);
  return pathThrough(levelsOf(leaves), index);
}

/** The paths of all leaves, in their order, for the price of one. */
export function treePaths(leaves: readonly Uint8Array[]): readonly (readonly Uint8Array[])[] {
  const levels = levelsOf(leaves);
  return leaves.map((_, index) => pathThrough(levels, index));
}

/** Whether a path leads from this leaf, at `index` of `size`, to the root (RFC 9162 section 2.1.3.2). Any peer's words will do. */
export function isInTree(
  leaf: Uint8Array,
  index: number,
  size: number,
  path: readonly Uint8Array[],
  root: Uint8Array,
): boolean {
  if (!Number.isSafeInteger(index) || !Number.isSafeInteger(size) || index < 0 || index >= size) return false;
  if (path.length > limits.merklePath) return false;
  let [at, last] = [index, size - 1];
  let hash = sha256(LEAF, leaf);
  for (const sibling of path) {
    // A path that goes on above the root.
    if (last === 0) return false;
    if (at % 2 === 1 || at === last) {
      hash = sha256(NODE, sibling, hash);
      // The last of a level without a neighbour goes up as it is, until it has one.
      while (at % 2 === 0 && at > 0) [at, last] = [at / 2, half(last)];
    } else hash = sha256(NODE, hash, sibling);
    [at, last] = [half(at), half(last)];
  }
  return last === 0 && equalBytes(hash, root);
}

/** The tree from below: neighbours are joined, and one without a neighbour goes up as it is, which is the same tree. */
function levelsOf(leaves: readonly Uint8Array[]): readonly (readonly Uint8Array[])[] {
  let level: readonly Uint8Array[] = leaves.map((leaf) => sha256(LEAF, leaf));
  const levels = [level];
  while (level.length > 1) {
    const above: Uint8Array[] = [];
    for (let i = 0; i < level.length; i += 2) {
      const [left, right] = [level[i], level[i + 1]];
      if (left && right) above.push(sha256(NODE, left, right));
      else if (left) above.push(left);
    }
    level = above;
    levels.push(level);
  }
  return levels;
}

function pathThrough(levels: readonly (readonly Uint8Array[])[], index: number): readonly Uint8Array[] {
  const path: Uint8Array[] = [];
  let at = index;
  for (const level of levels) {
    const sibling = level[at % 2 === 0 ? at + 1 : at - 1];
    if (sibling !== undefined) path.push(sibling);
    at = half(at);
  }
  return path;
}

const half = (number: number): number => Math.floor(number / 2);
