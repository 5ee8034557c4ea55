/** The recovery phrase: twelve words (BIP 39) from which all keys of a peer follow. */
import { LeptaError } from "@lepta/protocol";
import { entropyToMnemonic, mnemonicToEntropy } from "@scure/bip39";
import { wordlist } from "@scure/bip39/wordlists/english.js";
import { ENTROPY } from "./derived.ts";

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
