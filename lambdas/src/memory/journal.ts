/** The journal in memory, for tests: the same contract as on S3. */
import { decodeRecords, encodeRecords, hourPrefix, objectName, tablePrefix } from "../journal/encode.ts";
import type { Journal } from "../ports/journal.ts";

/** A new, empty journal; `objects` are its objects by name. */
export function memoryJournal(): Journal & { readonly objects: Map<string, Uint8Array> } {
  const objects = new Map<string, Uint8Array>();
  return {
    objects,
    write: async (batch) => {
      objects.set(objectName(batch), encodeRecords(batch.records));
    },
    list: async function* (table, from) {
      const isMeant = (name: string): boolean =>
        name.startsWith(tablePrefix(table)) && name > hourPrefix(table, from);
      for (const name of [...objects.keys()].filter(isMeant).sort()) yield name;
    },
    read: async (name) => {
      const bytes = objects.get(name);
      if (bytes === undefined) throw new Error(`the journal has no object ${name}`);
      return decodeRecords(bytes);
    },
  };
}
