/** One WebSocket message: `[id, [message, …]]`. */
import { decodeAs, encodeAs, frameCodec, limits, type Or, refuse } from "@lepta/protocol";

/** The first byte of a message that belongs to a session: of its handshake, or of its transport. */
export const HANDSHAKE = 0;
export const TRANSPORT = 1;

/** Whether a WebSocket message belongs to the session on its connection and is no frame. */
export const isOfSession = (bytes: Uint8Array): boolean => (bytes[0] ?? TRANSPORT + 1) <= TRANSPORT;

export interface Frame {
  readonly id: number;
  readonly messages: readonly Uint8Array[];
}

export const encodeFrame = ({ id, messages }: Frame): Uint8Array => encodeAs(frameCodec, [id, messages]);

/** `malformed` or `too-large` where the bytes are no frame. */
export function decodeFrame(bytes: Uint8Array): Or<Frame> {
  if (bytes.length > limits.frameBytes) return refuse("too-large");
  const frame = decodeAs(frameCodec, bytes);
  return "code" in frame ? frame : { id: frame[0], messages: frame[1] };
}
