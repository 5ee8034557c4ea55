/** Where a scrip lies in its merchant's memory, written into its id so that nobody else can read it. */
import { createCipheriv } from "node:crypto";
import { derive, idBytes, makeScripId, type ScripId } from "@lepta/protocol";

/** Random bytes of an id: they make it the only one of its kind, also after a restored backup. */
export const UNIQUE = 8;

export interface Places {
  /** Names a scrip: epoch (4), random (8), and the place (4) hidden under the random ones. */
  idOf(epoch: number, unique: Uint8Array, place: number): ScripId;
  /** The place in an id of ours; of any other id it is some number of 32 bits. */
  placeOf(id: ScripId): number;
}

/**
 * Reads and writes places under a key of the issuer's. A place in the clear would tell every customer how much scrip is
 * outstanding; each is added to a block of AES over the id's random bytes, which are never the same again.
 */
export function placesUnder(epochRoot: Uint8Array): Places {
  const cipher = createCipheriv("aes-256-ecb", derive(epochRoot, "PlaceOfScrip"), null).setAutoPadding(false);
  const block = new Uint8Array(16);
  const maskOf = (unique: Uint8Array): number => {
    block.set(unique);
    return cipher.update(block).readUInt32BE();
  };
  return {
    idOf: (epoch, unique, place) => {
      const rest = new Uint8Array(UNIQUE + 4);
      rest.set(unique);
      new DataView(rest.buffer).setUint32(UNIQUE, place ^ maskOf(unique));
      return makeScripId(epoch, rest);
    },
    placeOf: (id) => {
      const bytes = idBytes(id);
      const masked = new DataView(bytes.buffer, bytes.byteOffset).getUint32(4 + UNIQUE);
      return (masked ^ maskOf(bytes.subarray(4, 4 + UNIQUE))) >>> 0;
    },
  };
}
