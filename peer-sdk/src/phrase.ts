/** The recovery phrase: twelve words (BIP 39) from which all keys of a peer follow. */
import { LeptaError } from "@lepta/protocol/core";
import { words } from "#words";
import { ENTROPY } from "./derived.ts";

/** The words. Throws `bad-phrase` where a peer has none, and `unreachable` where a page cannot load the list of words. */
export async function phraseOf(entropy: Uint8Array | undefined): Promise<string> {
  if (entropy === undefined)
    throw new LeptaError("bad-phrase", "these keys follow from no phrase, or it was not kept");
  const { fromEntropy } = await words();
  return fromEntropy(entropy);
}

/**
 * What the words say. Throws `bad-phrase` where a word is none of the list, one is missing, or the check word differs, and
 * `unreachable` where a page cannot load the list of words.
 */
export async function readPhrase(phrase: string): Promise<Uint8Array> {
  const { toEntropy } = await words();
  try {
    const entropy = toEntropy(phrase.trim().toLowerCase().split(/\s+/).join(" "));
    if (entropy.length === ENTROPY) return entropy;
  } catch {
    // Which word is wrong is not told: the words are a secret.
  }
  throw new LeptaError("bad-phrase");
}
