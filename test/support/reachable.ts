/** A broker behind a transport, for peers that sign and seal by hand. */
import {
  decodeAs,
  defaultSuite,
  ERROR_MEDIA_TYPE,
  errorCodec,
  orThrow,
  verifyBrokerKeys,
} from "@lepta/protocol";
import type { Reachable } from "./peer.ts";

/** What carries a request to the broker. */
type Transport = (
  method: "GET" | "POST",
  url: string,
  body: Uint8Array | undefined,
) => Promise<{ readonly contentType: string; readonly body: Uint8Array }>;

/** The broker at an address with its pin, `url#network`. */
export function reachable(address: string, transport: Transport, runtime: Reachable["runtime"]): Reachable {
  const [url = "", network = ""] = address.split("#");
  const call = async (route: string, body?: Uint8Array) => {
    const [method, path] = route.split(" ") as ["GET" | "POST", string];
    const answer = await transport(method, `${url}${path}`, body);
    const isError = answer.contentType === ERROR_MEDIA_TYPE;
    return { body: answer.body, code: isError ? orThrow(decodeAs(errorCodec, answer.body)).code : undefined };
  };
  const keys = async () =>
    orThrow(await verifyBrokerKeys((await call("GET /keys")).body, network, defaultSuite, runtime.now()));
  return { network, runtime, wiring: { suite: defaultSuite }, call, keys };
}
