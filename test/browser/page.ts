/** What runs in the page: a customer that opens a session with a merchant and sends items, which come back. */
import { connectWebSocket } from "@lepta/peer-sdk";
import { decodeAs, encodeAs, isRefusal, laneClose, sessionMessage, toText } from "@lepta/protocol";
import { openHandshake } from "../../peer-sdk/src/session/handshake.ts";
import { itemKind, Session } from "../../peer-sdk/src/session/session.ts";
import { customer } from "../vectors/parties.ts";
import { BIG_ID, ITEMS, runtime, sessionParty } from "./parties.ts";

/** What the page tells the test. */
export interface Told {
  readonly opening: string;
  readonly merchant: string;
  /** The numbers of the items that came back, in their order. */
  readonly echoed: readonly number[];
  readonly bigLength: number;
  readonly milliseconds: number;
}

async function meet(url: string): Promise<Told> {
  const channel = await connectWebSocket(url);
  if (channel.wire === undefined) throw new Error("a channel without sessions");
  const party = await sessionParty(customer);
  const { keys, credential, wire } = await openHandshake(
    party,
    channel.wire,
    () => {},
    () => undefined,
  );
  const echoed: number[] = [];
  let bigLength = 0;
  const begun = performance.now();
  const done = new Promise<void>((resolve, reject) => {
    const session = new Session(wire, keys, runtime, {
      items: (items) => {
        for (const item of items) {
          if (itemKind(item) === 7) echoed.push(numberOf(item));
          else bigLength = lengthOf(item);
        }
        if (echoed.length < ITEMS || bigLength === 0) return;
        resolve();
        session.close("done");
      },
      ended: (code) => reject(new Error(`the session ended: ${code}`)),
    });
    // Some together in one message, some alone.
    for (let i = 1; i <= ITEMS; i += 1) {
      session.send(encodeAs(laneClose, [7, i]));
      if (i % 3 === 0) session.flush();
    }
    session.send(encodeAs(sessionMessage, [6, BIG_ID, new Uint8Array(200_000)]));
  });
  await done;
  const milliseconds = performance.now() - begun;
  return { opening: toText(keys.opening), merchant: credential.uid, echoed, bigLength, milliseconds };
}

function numberOf(item: Uint8Array): number {
  const read = decodeAs(laneClose, item);
  if (isRefusal(read)) throw new Error("an item that is none");
  return read[1];
}

function lengthOf(item: Uint8Array): number {
  const read = decodeAs(sessionMessage, item);
  if (isRefusal(read)) throw new Error("an item that is none");
  return read[2].length;
}

Object.assign(globalThis, { meet });
