/** All keys of a peer follow from 16 bytes, which its recovery phrase says. */
import { hmacSha256, type Random, utf8 } from "@lepta/protocol/core";

/** Bytes of what a phrase says: 128 bits, twelve words. */
export const ENTROPY = 16;

/** Bytes that follow from the phrase, for one use: the same ones every time. */
export function derivedRandom(entropy: Uint8Array, use: string): Random {
  const key = hmacSha256(utf8("lepta/1 phrase"), entropy);
  let drawn = 0;
  return (length) => {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; at += 32) {
      const block = hmacSha256(key, utf8(`${use} ${drawn}`));
      drawn += 1;
      bytes.set(block.subarray(0, Math.min(32, length - at)), at);
    }
    return bytes;
  };
}
