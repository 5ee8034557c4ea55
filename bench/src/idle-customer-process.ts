/** The other end of idle connections: one peer that opens as many sessions as it is told, or nobody that opens bare ones. */
import { once } from "node:events";
import { connectWebSocket, memoryPeerStore } from "@lepta/peer-sdk";
import { WebSocket } from "ws";
import { openParty, type Party } from "../../peer-sdk/src/party.ts";
import { openHandshake } from "../../peer-sdk/src/session/handshake.ts";
import { Session } from "../../peer-sdk/src/session/session.ts";
import { answerCalls, type IdleCustomerCalls } from "./calls.ts";

/** Connections that are being opened at any time. */
const AT_ONCE = 20;

const kept: unknown[] = [];
let party: Party | undefined;

answerCalls({
  open: async ({ url, broker, count }) => {
    if (broker !== undefined) party ??= await openParty({ store: memoryPeerStore(), broker });
    const openNext = async (left: number): Promise<void> => {
      for (let i = 0; i < left; i += 1)
        kept.push(party === undefined ? await openBare(url) : await openSession(party, url));
    };
    await Promise.all(Array.from({ length: AT_ONCE }, () => openNext(count / AT_ONCE)));
  },
} satisfies IdleCustomerCalls);

async function openBare(url: string): Promise<WebSocket> {
  const socket = new WebSocket(url, { perMessageDeflate: false });
  await once(socket, "open");
  // A connection that has been used once: what the first message brings into being is there.
  socket.send(new Uint8Array(64));
  await once(socket, "message");
  return socket;
}

async function openSession(who: Party, url: string): Promise<Session> {
  const { wire: raw } = await connectWebSocket(url);
  if (raw === undefined) throw new Error("this channel has no sessions");
  const { wire, keys } = await openHandshake(
    who,
    raw,
    () => {},
    () => undefined,
  );
  const session = new Session(wire, keys, who.runtime, {
    items: () => {},
    ended: (code) => {
      throw new Error(`the merchant has ended a session: ${code ?? "no code"}`);
    },
  });
  return session;
}
