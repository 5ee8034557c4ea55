/**
 * A signed statement as it lies in the table. Half of it repeats itself or stands in the item's key: names of the parties
 * and of the message. What is kept is paid for by its bytes, every month and at every reading, so it is deflated
 * (RFC 1951) against a dictionary of these: a pure function, which decisions may use. The bytes come back as they were.
 */
import { deflateRawSync, inflateRawSync } from "node:zlib";
import { concat, idBytes, statement, type Uid, utf8 } from "@lepta/protocol";

/** The parties, by the item's key. */
export interface Parties {
  readonly customer: Uid;
  readonly merchant: Uid;
}

/** The bytes as they are kept. */
export const pack = (signed: Uint8Array, parties: Parties): Uint8Array =>
  new Uint8Array(deflateRawSync(signed, { dictionary: dictionaryOf(parties) }));

/** The bytes as they came. Throws where they are not what `pack` made for these parties: our own table is damaged. */
export const unpack = (packed: Uint8Array, parties: Parties): Uint8Array =>
  new Uint8Array(inflateRawSync(packed, { dictionary: dictionaryOf(parties), maxOutputLength: MOST_BYTES }));

/** More than any signed statement has. */
const MOST_BYTES = 8 * 1024;

/** Changed, it makes unreadable what is kept: another dictionary needs another attribute. */
const dictionaryOf = ({ customer, merchant }: Parties): Uint8Array =>
  concat(utf8(statement.mediaType), utf8(statement.name), idBytes(customer), idBytes(merchant));
