/** Where bytes can be sent, and what comes back: decided, or refused with a code of the table. */
import { routes } from "@lepta/lambdas";
import type { Visit } from "@lepta/peer-sdk";
import {
  decodeAs,
  ERROR_MEDIA_TYPE,
  errorCodec,
  hello,
  isErrorCode,
  isRefusal,
  readMessage,
} from "@lepta/protocol";
import { errorIn } from "../../peer-sdk/support/hand.ts";
import type { Seller, Stage } from "./stage.ts";

export interface Destination {
  readonly name: string;
  /** Whose sealing key is the one that this destination opens. */
  readonly owner: "broker" | Seller;
  readonly deliver: (bytes: Uint8Array) => Promise<Came>;
}

export interface Came {
  /** Codes of the errors among the answers. */
  readonly codes: readonly string[];
  readonly answers: readonly Uint8Array[];
}

/** Every door of the broker, and every peer's connection to every merchant, with one to each that never says hello. */
export async function destinationsOf(stage: Stage): Promise<readonly Destination[]> {
  const doors = routes
    .filter(({ method }) => method === "POST")
    .map(
      ({ path }): Destination => ({
        name: path,
        owner: "broker",
        deliver: (bytes) => toDoor(stage, path, bytes),
      }),
    );
  const sessions: Destination[] = [];
  for (const seller of stage.sellers) {
    for (const peer of [...stage.customers, ...stage.sellers]) {
      const greeted = async (): Promise<Visit> => (await peer.hand.greet(seller.merchant.visit())).visit;
      sessions.push(await session(seller, `${peer.name} at ${seller.url}`, greeted));
    }
    sessions.push(await session(seller, `nobody at ${seller.url}`, async () => seller.merchant.visit()));
  }
  return [...doors, ...sessions];
}

async function session(seller: Seller, name: string, open: () => Promise<Visit>): Promise<Destination> {
  let visit = await open();
  const deliver = async (bytes: Uint8Array): Promise<Came> => {
    const answers = await visit([bytes]);
    // A hello that is played again makes the connection another's: the next message comes on the one that it was.
    if (!isRefusal(readMessage(bytes, [hello]))) visit = await open();
    return { answers, codes: answers.map(errorIn).filter((code) => code !== undefined) };
  };
  return { name, owner: seller, deliver };
}

async function toDoor({ world }: Stage, path: string, bytes: Uint8Array): Promise<Came> {
  const { contentType, body } = await world.call(path, bytes);
  if (contentType !== ERROR_MEDIA_TYPE) return { answers: [body], codes: [] };
  const error = decodeAs(errorCodec, body);
  return { answers: [body], codes: [isRefusal(error) ? "no error message" : error.code] };
}

/** Whether nothing came back but answers and codes that tell the sender what is wrong with its message. */
export const isTyped = ({ codes }: Came): boolean =>
  codes.every((code) => isErrorCode(code) && code !== "internal");
