/** The recovery phrase in a browser, `#phrase` there: its 2048 words are loaded when they are needed. */
import { brought } from "./brought.ts";

const words = () => brought(() => import("../phrase.ts"));

/** As in `phrase.ts`; throws `unreachable` as well. */
export const phraseOf = async (entropy: Uint8Array | undefined): Promise<string> =>
  (await words()).phraseOf(entropy);

/** As in `phrase.ts`; throws `unreachable` as well. */
export const readPhrase = async (phrase: string): Promise<Uint8Array> => (await words()).readPhrase(phrase);
