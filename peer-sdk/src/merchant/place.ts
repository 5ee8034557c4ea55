/** Where a scrip lies in its merchant's memory, written into its id so that nobody else can read it. */
import { createCipheriv } from "node:crypto";
import { derive, idBytes, makeScripId, type ScripId } from "@lepta/protocol";
import { MOMENT } from "./moment.ts";

export interface Places {
  /** Names a scrip: epoch (4), moment (8), and the place (4) hidden under the moment. */
  idOf(epoch: number, moment: Uint8Array, place: number): ScripId;
  /** The place in an id of ours; of any other id it is some number of 32 bits. */
  placeOf(id: ScripId): number;
}

/**
 * Reads and writes places under a key of the issuer's. A place in the clear would tell every customer how much scrip is
 * outstanding; each is added to a block of AES over the id's moment, which is never the same again.
 */
export function placesUnder(epochRoot: Uint8Array): Places {
  const cipher = createCipheriv("aes-256-ecb", derive(epochRoot, "PlaceOfScrip"), null).setAutoPadding(false);
  const block = new Uint8Array(16);
  const maskOf = (moment: Uint8Array): number => {
    block.set(moment);
    return cipher.update(block).readUInt32BE();
  };
  return {
    idOf: (epoch, moment, place) => {
      const rest = new Uint8Array(MOMENT + 4);
      rest.set(moment);
      new DataView(rest.buffer).setUint32(MOMENT, place ^ maskOf(moment));
      return makeScripId(epoch, rest);
    },
    placeOf: (id) => {
      const bytes = idBytes(id);
      const masked = new DataView(bytes.buffer, bytes.byteOffset).getUint32(4 + MOMENT);
      return (masked ^ maskOf(bytes.subarray(4, 4 + MOMENT))) >>> 0;
    },
  };
}
