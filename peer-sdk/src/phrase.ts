/** The recovery phrase: twelve words (BIP 39) from which all keys of a peer follow. */
import { hmacSha256, LeptaError, type Random, utf8 } from "@lepta/protocol";
import { entropyToMnemonic, mnemonicToEntropy } from "@scure/bip39";
import { wordlist } from "@scure/bip39/wordlists/english.js";

/** Bytes of what a phrase says: 128 bits, twelve words. */
export const ENTROPY = 16;

/** The words. Throws `bad-phrase` where a peer has none. */
export function phraseOf(entropy: Uint8Array | undefined): string {
  if (entropy === undefined)
    throw new LeptaError("bad-phrase", "these keys follow from no phrase, or it was not kept");
  return entropyToMnemonic(entropy, wordlist);
}

/** What the words say. Throws `bad-phrase` where a word is none of the list, one is missing, or the check word differs. */
export function readPhrase(phrase: string): Uint8Array {
  const words = phrase.trim().toLowerCase().split(/\s+/);
  try {
    const entropy = mnemonicToEntropy(words.join(" "), wordlist);
    if (entropy.length === ENTROPY) return entropy;
  } catch {
    // Which word is wrong is not told: the words are a secret.
  }
  throw new LeptaError("bad-phrase");
}

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
