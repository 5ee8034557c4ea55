/** A broker's door for notices as a test wants it: real keys and seals, and the test says what is recorded. */
import { brokerFor } from "@lepta/lambdas";
import type { BrokerTransport } from "@lepta/peer-sdk";
import {
  acknowledgement,
  ERROR_MEDIA_TYPE,
  type ErrorCode,
  encodeAs,
  entryDigest,
  errorCodec,
  noticeBatch,
  openMessage,
  orThrow,
  sealMessage,
  signMessage,
  treeHash,
} from "@lepta/protocol";
import type { Party } from "../../../peer-sdk/src/party.ts";
import type { World } from "./world.ts";

/** What the broker says to one batch: an error message, or an acknowledgement with these fields otherwise than they should be. */
export type Verdict =
  | ErrorCode
  | {
      readonly refused?: readonly (readonly [number, string])[];
      readonly count?: number;
      readonly tree?: Uint8Array;
    };

export interface NoticesDoor {
  /** To be given to the peer. */
  readonly transport: BrokerTransport;
  /** Whose answers are sealed to. */
  party: Party | undefined;
  /** What is said to the next batches; throws where the broker is away. */
  judge: (entries: readonly Uint8Array[]) => Verdict;
  /** Batches that came, oldest first, acknowledged or not. */
  readonly batches: (readonly Uint8Array[])[];
  /** Entries of acknowledged batches, in the order in which they came. */
  readonly recorded: Uint8Array[];
}

export function noticesDoor(world: World): NoticesDoor {
  const { custody } = brokerFor(world.wiring, "acknowledge");
  const batches: (readonly Uint8Array[])[] = [];
  const recorded: Uint8Array[] = [];
  const door: NoticesDoor = {
    party: undefined,
    judge: () => ({}),
    batches,
    recorded,
    transport: async (method, url, body) => {
      if (!url.endsWith("/notices") || body === undefined) return world.transport(method, url, body);
      const keys = await custody.keys();
      const opened = orThrow(await openMessage(body, [noticeBatch], keys.opening));
      const { entries, from, txn } = opened.payload;
      batches.push(entries);
      const verdict = door.judge(entries);
      if (typeof verdict === "string")
        return {
          contentType: ERROR_MEDIA_TYPE,
          body: encodeAs(errorCodec, { version: 1, type: "error", code: verdict }),
        };
      const leaves = entries.map(entryDigest);
      const answer = await signMessage(
        acknowledgement,
        {
          network: keys.network,
          from: keys.network,
          to: from,
          txn,
          issuedAt: world.runtime.now(),
          request: opened.digest,
          decidedAt: world.runtime.now(),
          count: leaves.length,
          tree: treeHash(leaves),
          refused: [],
          ...verdict,
        },
        keys.signing.key,
      );
      recorded.push(...entries);
      if (door.party === undefined) throw new Error("the test has not said whose door this is");
      const { identity, suite } = door.party;
      const sealingKey = orThrow(await suite.sealingKey(identity.opening.publicKey));
      return {
        contentType: "application/cose",
        body: await sealMessage(answer, sealingKey, world.runtime.random),
      };
    },
  };
  return door;
}
