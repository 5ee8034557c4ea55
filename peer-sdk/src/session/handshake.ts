/**
 * The handshake of a session (Noise XX, docs/protocol.md section 13): each side shows its credential, and its static key is
 * the sealing key that the credential binds to its UID.
 */
import {
  type AgreementKey,
  type Credential,
  concat,
  decodeAs,
  decodeKey,
  defaultNoise,
  encodeAs,
  equalBytes,
  type Handshake,
  idBytes,
  isRefusal,
  LeptaError,
  limits,
  type Or,
  orThrow,
  refuse,
  sessionHello,
  startHandshake,
  utf8,
  verifyCredential,
} from "@lepta/protocol";
import { HANDSHAKE } from "../channel/frame.ts";
import type { Party } from "../party.ts";
import type { Wire, WireEvents } from "../ports.ts";
import type { SessionKeys } from "./session.ts";

/** Who is at the other end, and the keys of the session. */
export interface Handshaken {
  readonly keys: SessionKeys;
  readonly credential: Credential;
  /** The opening of the session that this one resumes. */
  readonly resumes: Uint8Array | undefined;
  /** The connection, with what has come on it meanwhile. */
  readonly wire: Wire;
}

/** How long one message of a handshake may take, in milliseconds. */
const PATIENCE = 30_000;
/** Bytes that may be held: the other side is paused at once, and then only what had been read already can come. */
const MOST_HELD = 2 * limits.frameBytes;
/** What a held message costs besides its bytes. */
const EACH = 64;

/** Whether this party can have sessions: its suite has a key for the handshake. */
export const hasSessions = (party: Party): boolean => party.identity.opening.agreement !== undefined;

/**
 * The customer's side. `expected` judges whom we meet before we say who we are. Throws `unreachable` where no answer comes,
 * `unknown-peer` and `unauthentic` where the other side is not who it says.
 */
export async function openHandshake(
  party: Party,
  raw: Wire,
  expected: (credential: Credential) => Promise<void>,
  resumes: Uint8Array | undefined,
): Promise<Handshaken & { readonly ours: Credential }> {
  const wire = new HeldWire(raw);
  const ours = await party.credential();
  const handshake = begin(party, "initiator");
  wire.send(framed(await handshake.write(new Uint8Array(0))));
  const hello = orThrow(await readHello(party, handshake, await wire.next(party)));
  await expected(hello.credential);
  const mine = encodeAs(sessionHello, {
    credential: ours.bytes,
    ...(resumes === undefined ? {} : { resumes }),
  });
  wire.send(framed(await handshake.write(mine)));
  return { keys: handshake.finish(), credential: hello.credential, resumes: undefined, wire, ours };
}

/** The merchant's side, from the first message of a handshake on. */
export async function acceptHandshake(party: Party, raw: Wire): Promise<Handshaken> {
  const wire = new HeldWire(raw);
  const handshake = begin(party, "responder");
  orThrow(await handshake.read(unframed(await wire.next(party))));
  const ours = await party.credential();
  wire.send(framed(await handshake.write(encodeAs(sessionHello, { credential: ours.bytes }))));
  const hello = orThrow(await readHello(party, handshake, await wire.next(party)));
  return { keys: handshake.finish(), ...hello, wire };
}

function begin({ identity, runtime }: Party, role: "initiator" | "responder"): Handshake {
  const own: AgreementKey | undefined = identity.opening.agreement;
  if (own === undefined) throw new LeptaError("internal", "this suite has no sessions");
  const prologue = concat(utf8("lepta/1"), idBytes(identity.network));
  return startHandshake({ role, prologue, own, crypto: defaultNoise, random: runtime.random });
}

async function readHello(
  { link, runtime }: Party,
  handshake: Handshake,
  message: Uint8Array,
): Promise<Or<{ readonly credential: Credential; readonly resumes: Uint8Array | undefined }>> {
  const payload = await handshake.read(unframed(message));
  if (isRefusal(payload)) return payload;
  const hello = decodeAs(sessionHello, payload);
  if (isRefusal(hello)) return hello;
  const credential = await verifyCredential(hello.credential, link.trust(), runtime.now());
  if (isRefusal(credential)) return refuse("unknown-peer", credential.detail);
  const key = decodeKey(credential.sealingKey.publicKey);
  const { remote } = handshake;
  const isBound =
    !isRefusal(key) && key.type === "x25519" && remote !== undefined && equalBytes(key.x, remote);
  return isBound ? { credential, resumes: hello.resumes } : refuse("unauthentic", "another static key");
}

const framed = (message: Uint8Array): Uint8Array => concat(new Uint8Array([HANDSHAKE]), message);

function unframed(message: Uint8Array): Uint8Array {
  if (message[0] !== HANDSHAKE) throw new LeptaError("wrong-type", "no message of a handshake");
  return message.subarray(1);
}

/** A wire whose messages wait until somebody listens; meanwhile the other side is paused. */
class HeldWire implements Wire {
  readonly #wire: Wire;
  #held: Uint8Array[] = [];
  #cost = 0;
  #isClosed = false;
  #isOver = false;
  #waiting: ((message: Uint8Array | undefined) => void) | undefined;

  constructor(wire: Wire) {
    this.#wire = wire;
    wire.listen({
      message: (bytes) => {
        if (this.#waiting !== undefined) this.#waiting(bytes);
        else this.#hold(bytes);
      },
      closed: () => {
        this.#isClosed = true;
        this.#waiting?.(undefined);
      },
    });
  }

  get unsent(): number {
    return this.#wire.unsent;
  }

  /** The next message. Throws `unreachable` where none comes in time. */
  async next({ runtime }: Party): Promise<Uint8Array> {
    const held = this.#held.shift();
    if (held !== undefined) {
      this.#cost -= held.length + EACH;
      if (this.#held.length === 0) this.#wire.resume();
      return held;
    }
    const message = this.#isClosed
      ? undefined
      : await new Promise<Uint8Array | undefined>((resolve) => {
          const giveUp = runtime.later(PATIENCE, () => this.#waiting?.(undefined));
          this.#waiting = (bytes) => {
            giveUp();
            this.#waiting = undefined;
            resolve(bytes);
          };
        });
    if (message !== undefined) return message;
    this.close();
    throw new LeptaError("unreachable", "no answer in the handshake");
  }

  /** What was held comes in a turn of its own: who listens may not have been made yet. */
  listen(events: WireEvents): void {
    queueMicrotask(() => {
      this.#wire.listen(events);
      const held = this.#held;
      this.#held = [];
      for (const bytes of held) events.message(bytes);
      if (held.length > 0) this.#wire.resume();
      if (this.#isClosed) events.closed();
    });
  }

  send(bytes: Uint8Array): void {
    this.#wire.send(bytes);
  }

  pause(): void {
    this.#wire.pause();
  }

  resume(): void {
    this.#wire.resume();
  }

  close(): void {
    this.#isOver = true;
    if (this.#held.length > 0) this.#wire.resume();
    this.#held = [];
    this.#wire.close();
  }

  #hold(bytes: Uint8Array): void {
    if (this.#isOver) return;
    this.#held.push(bytes);
    this.#cost += bytes.length + EACH;
    if (this.#held.length === 1) this.#wire.pause();
    if (this.#cost > MOST_HELD) this.close();
  }
}
