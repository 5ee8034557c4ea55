/** A session between two ends that are nobody: Noise's handshake and the SDK's own session, without credentials. */
import { once } from "node:events";
import { defaultNoise, orThrow, startHandshake, utf8 } from "@lepta/protocol";
import type { WebSocket } from "ws";
import { SocketWire } from "../../peer-sdk/src/channel/wire.ts";
import { systemRuntime } from "../../peer-sdk/src/ports.ts";
import { Session, type SessionKeys } from "../../peer-sdk/src/session/session.ts";
import { agreementKey } from "../../protocol/src/suite/x25519.ts";

/** The session, when the handshake has ended; `items` takes what comes in it. */
export async function openEchoSession(
  socket: WebSocket,
  role: "initiator" | "responder",
  items: (session: Session, items: readonly Uint8Array[]) => void,
): Promise<Session> {
  const keys = await shakeHands(socket, role);
  const wire = new SocketWire(socket);
  socket.on("message", (data: Buffer) => wire.told.message(data));
  socket.on("close", () => wire.told.closed());
  const session: Session = new Session(wire, keys, systemRuntime, {
    items: (each) => items(session, each),
    ended: () => {},
  });
  return session;
}

/** The item that makes a message of so many bytes: its kind is none of the session's own. */
export function itemFor(messageBytes: number): Uint8Array {
  const plain = messageBytes - LEAD - TAG - 1;
  const head = plain - 2 < 24 ? 1 : plain - 2 < 0x100 ? 2 : 3;
  return new Uint8Array(plain - head).fill(1);
}

/** What a sealed message has before and after its plaintext, in bytes. */
const LEAD = 1;
const TAG = 16;

async function shakeHands(socket: WebSocket, role: "initiator" | "responder"): Promise<SessionKeys> {
  const handshake = startHandshake({
    role,
    prologue: utf8("lepta/1 bench"),
    own: agreementKey(systemRuntime.random(32)),
    crypto: defaultNoise,
    random: systemRuntime.random,
  });
  for (let message = 0; message < MESSAGES; message += 1) {
    const isOurs = (message % 2 === 0) === (role === "initiator");
    if (isOurs) socket.send(await handshake.write(NOTHING));
    else {
      // The next one cannot be here yet: it answers one of ours.
      const [data] = (await once(socket, "message")) as [Buffer];
      orThrow(await handshake.read(data));
    }
  }
  return handshake.finish();
}

const MESSAGES = 3;
const NOTHING = new Uint8Array(0);
