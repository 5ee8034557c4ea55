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
  isErrorCode,
  isRefusal,
  LeptaError,
  limits,
  type Or,
  orThrow,
  pong,
  refuse,
  sessionClose,
  sessionHello,
  startHandshake,
  type Uid,
  utf8,
  verifyCredential,
} from "@lepta/protocol";
import { HANDSHAKE, TRANSPORT } from "../channel/frame.ts";
import type { Party } from "../party.ts";
import type { Wire, WireEvents } from "../ports.ts";
import { packItems, unpackItems } from "./frame.ts";
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

/** Numbers of items: an echo that nobody asked for says that the merchant takes the session; an end says why it does not. */
const PONG = 9;
const CLOSE = 10;

/**
 * The customer's side. `isExpected` throws where we meet another than we wanted, before we say who we are; `resumes` tells which
 * session with this merchant ends with the new one. Throws `unreachable` where no answer comes,
 * `unknown-peer` where either side does not take the other's credential, `unauthentic` where it is not who it says.
 */
export async function openHandshake(
  party: Party,
  raw: Wire,
  isExpected: (uid: Uid) => void,
  resumes: (uid: Uid) => Uint8Array | undefined,
): Promise<Handshaken & { readonly ours: Credential }> {
  const wire = new HeldWire(raw);
  const ours = await party.credential();
  const handshake = begin(party, "initiator");
  wire.send(framed(await handshake.write(new Uint8Array(0))));
  const hello = readable(await readHello(party, handshake, await wire.next(party)));
  isExpected(hello.credential.uid);
  const before = resumes(hello.credential.uid);
  const mine = encodeAs(sessionHello, {
    credential: ours.bytes,
    ...(before === undefined ? {} : { resumes: before }),
  });
  wire.send(framed(await handshake.write(mine)));
  const keys = handshake.finish();
  readable(await readVerdict(keys, await wire.next(party)));
  return { keys, credential: hello.credential, resumes: undefined, wire, ours };
}

/**
 * The merchant's side, from the first message of a handshake on, which may have been read already. A customer whose credential is not taken is told so inside the
 * session, which ends then. Throws what the customer's side throws.
 */
export async function acceptHandshake(
  party: Party,
  raw: Wire,
  first?: Uint8Array,
): Promise<Handshaken & { readonly ours: Credential }> {
  const wire = new HeldWire(raw, first === undefined ? [] : [first]);
  const handshake = begin(party, "responder");
  orThrow(await handshake.read(orThrow(unframed(await wire.next(party)))));
  const ours = await party.credential();
  wire.send(framed(await handshake.write(encodeAs(sessionHello, { credential: ours.bytes }))));
  const hello = await readHello(party, handshake, await wire.next(party));
  if (isRefusal(hello) && hello.code !== "unknown-peer") throw new LeptaError(hello.code, hello.detail);
  const keys = handshake.finish();
  const verdict = isRefusal(hello) ? encodeAs(sessionClose, [CLOSE, hello.code]) : encodeAs(pong, [PONG, 0]);
  wire.send(await keys.send.seal(packItems([verdict]), TRANSPORT));
  // Who connects may not buy for a long time.
  keys.send.rest?.();
  return { keys, ...orThrow(hello), wire, ours };
}

/** What came; a merchant that makes no sense is as good as none. */
function readable<T>(value: Or<T>): T {
  if (isRefusal(value) && NONSENSE.has(value.code)) throw new LeptaError("unreachable", value.detail);
  return orThrow(value);
}

const NONSENSE: ReadonlySet<string> = new Set(["malformed", "too-large", "wrong-type"]);

/** What the merchant says of our credential. */
async function readVerdict(keys: SessionKeys, message: Uint8Array): Promise<Or<void>> {
  if (message[0] !== TRANSPORT) return refuse("wrong-type", "no message of the session");
  const opened = await keys.receive.open(message, 1);
  const items = isRefusal(opened) ? opened : unpackItems(opened);
  if (isRefusal(items)) return items;
  const [verdict = new Uint8Array(0)] = items;
  const close = decodeAs(sessionClose, verdict);
  if (!isRefusal(close)) return refuse(isErrorCode(close[1]) ? close[1] : "internal", "by the merchant");
  const taken = items.length === 1 ? decodeAs(pong, verdict) : refuse("malformed", "more than a verdict");
  return isRefusal(taken) ? taken : undefined;
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
  const bytes = unframed(message);
  const payload = isRefusal(bytes) ? bytes : await handshake.read(bytes);
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

/** What stands behind the first byte, which says that it is a message of a handshake. */
const unframed = (message: Uint8Array): Or<Uint8Array> =>
  message[0] === HANDSHAKE ? message.subarray(1) : refuse("wrong-type", "no message of a handshake");

/** A wire whose messages wait until somebody listens; meanwhile the other side is paused. */
class HeldWire implements Wire {
  readonly #wire: Wire;
  #held: Uint8Array[] = [];
  #cost = 0;
  #isClosed = false;
  #isOver = false;
  #waiting: ((message: Uint8Array | undefined) => void) | undefined;

  constructor(wire: Wire, held: readonly Uint8Array[] = []) {
    this.#wire = wire;
    for (const bytes of held) this.#hold(bytes);
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

  get itself(): Wire {
    return this.#wire;
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
