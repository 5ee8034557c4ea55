/** The words of recovery phrases (BIP 39): `#words` for all but browsers. */
import { entropyToMnemonic, mnemonicToEntropy } from "@scure/bip39";
import { wordlist } from "@scure/bip39/wordlists/english.js";

export interface Words {
  readonly fromEntropy: (entropy: Uint8Array) => string;
  /** Throws where it is no phrase. */
  readonly toEntropy: (phrase: string) => Uint8Array;
}

const english: Words = {
  fromEntropy: (entropy) => entropyToMnemonic(entropy, wordlist),
  toEntropy: (phrase) => mnemonicToEntropy(phrase, wordlist),
};

export const words = (): Words | Promise<Words> => english;
