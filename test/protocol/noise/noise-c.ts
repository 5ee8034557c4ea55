/** The independent implementation that judges ours: noise-c, compiled to WebAssembly. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { Random } from "@lepta/protocol";

interface CipherState {
  EncryptWithAd(bound: Uint8Array, plain: Uint8Array): Uint8Array;
  DecryptWithAd(bound: Uint8Array, sealed: Uint8Array): Uint8Array;
  free(): void;
}

interface HandshakeState {
  Initialize(prologue: Uint8Array, ownPrivate: Uint8Array): void;
  WriteMessage(payload: Uint8Array): Uint8Array;
  ReadMessage(message: Uint8Array, isPayloadNeeded: true): Uint8Array;
  GetHandshakeHash(): Uint8Array;
  GetRemotePublicKey(): Uint8Array;
  Split(): [send: CipherState, receive: CipherState];
}

interface Library {
  readonly constants: { readonly NOISE_ROLE_INITIATOR: number; readonly NOISE_ROLE_RESPONDER: number };
  readonly HandshakeState: new (name: string, role: number) => HandshakeState;
  readonly _lib_internal: { _random_bytes: Random };
}

const require = createRequire(import.meta.url);
const load: (options: object, then: (library: Library) => void) => void = require("noise-c.wasm");
/** Read here: by itself it asks `fetch` for a path first, and complains. */
const wasmBinary = readFileSync(join(dirname(require.resolve("noise-c.wasm")), "noise-c.wasm"));
const library = await new Promise<Library>((resolve) => load({ wasmBinary }, resolve));

/** One side of a handshake by noise-c; its ephemeral key is what `random` draws at its first `write`. */
export function noiseC(
  role: "initiator" | "responder",
  prologue: Uint8Array,
  ownPrivate: Uint8Array,
  random: Random,
) {
  const { constants, HandshakeState, _lib_internal } = library;
  const state = new HandshakeState(
    "Noise_XX_25519_AESGCM_SHA256",
    role === "initiator" ? constants.NOISE_ROLE_INITIATOR : constants.NOISE_ROLE_RESPONDER,
  );
  state.Initialize(prologue, ownPrivate);
  const none = new Uint8Array(0);
  return {
    write: (payload: Uint8Array): Uint8Array => {
      _lib_internal._random_bytes = random;
      return state.WriteMessage(payload).slice();
    },
    read: (message: Uint8Array): Uint8Array => state.ReadMessage(message, true).slice(),
    finish: () => {
      const opening = state.GetHandshakeHash().slice();
      const remote = state.GetRemotePublicKey().slice();
      const [send, receive] = state.Split();
      return {
        opening,
        remote,
        seal: (plain: Uint8Array): Uint8Array => send.EncryptWithAd(none, plain).slice(),
        open: (sealed: Uint8Array): Uint8Array => receive.DecryptWithAd(none, sealed).slice(),
      };
    },
  };
}
