/** Records of one kind in a peer's store: a prefix and a codec. */
import { type Codec, decodeAs, encodeAs, isRefusal, LeptaError } from "@lepta/protocol/core";
import type { Change, PeerStore } from "../ports.ts";

export interface Table<T> {
  get(id: string): Promise<T | undefined>;
  /** In the order of the ids. */
  list(options?: {
    readonly under?: string;
    readonly limit?: number;
    readonly after?: string;
  }): Promise<readonly (readonly [id: string, record: T])[]>;
  /** To be committed with what belongs to it. */
  put(id: string, record: T): Change;
  remove(id: string): Change;
}

/** The records under `name/`. Reading throws `store-damaged` where an entry is not of this kind. */
export function table<T>(store: PeerStore, name: string, codec: Codec<T>): Table<T> {
  const prefix = `${name}/`;
  const decode = (key: string, bytes: Uint8Array): T => {
    const record = decodeAs(codec, bytes);
    if (isRefusal(record)) throw new LeptaError("store-damaged", `${key}: ${record.detail ?? record.code}`);
    return record;
  };
  return {
    get: async (id) => {
      const bytes = await store.get(prefix + id);
      return bytes && decode(prefix + id, bytes);
    },
    list: async ({ under = "", limit, after } = {}) => {
      const options = {
        ...(limit === undefined ? {} : { limit }),
        ...(after === undefined ? {} : { after: prefix + after }),
      };
      const entries = await store.list(prefix + under, options);
      return entries.map(([key, bytes]) => [key.slice(prefix.length), decode(key, bytes)] as const);
    },
    put: (id, record) => ({ key: prefix + id, value: encodeAs(codec, record) }),
    remove: (id) => ({ key: prefix + id, value: undefined }),
  };
}

/** All records in their order, a page at a time in memory. */
export async function* everyOne<T>({ list }: Table<T>): AsyncGenerator<readonly [id: string, record: T]> {
  for (let after: string | undefined; ; ) {
    const page = await list({ limit: PAGE, ...(after === undefined ? {} : { after }) });
    yield* page;
    after = page.at(-1)?.[0];
    if (page.length < PAGE) return;
  }
}

/** Records that are read at once where all are looked at. */
const PAGE = 500;
