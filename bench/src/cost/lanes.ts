/** A merchant that only hands the broker statements over lanes, signed by itself and its customers with keys of their own. */
import {
  acknowledgement,
  decodeAs,
  defaultSuite,
  ERROR_MEDIA_TYPE,
  errorCodec,
  limits,
  noticeBatch,
  orThrow,
  verifyBrokerKeys,
} from "@lepta/protocol";
import { enrolledPeer, euro, type Reachable, type TestPeer } from "../../../test/support/peer.ts";
import { makeStatement } from "../../../test/support/statements.ts";
import type { CountedCloud } from "./cloud.ts";

export interface Lanes {
  /** So many statements, each of `PER_STATEMENT` purchases, in one batch; the broker must refuse none. */
  sendBatch(statements: number): Promise<void>;
}

/** Purchases of one statement, as many as a merchant lets come together before it proposes one. */
export const PER_STATEMENT = limits.statementAfter;
/** Customers whose statements go in one batch, in turn. */
const CUSTOMERS = 4;

/** Enrols the merchant and its customers, uncounted. */
export async function openLanes(cloud: CountedCloud): Promise<Lanes> {
  const broker = reach(cloud);
  const merchant = await enrolledPeer(broker, "lanes");
  const customers: TestPeer[] = [];
  for (let i = 0; i < CUSTOMERS; i += 1) customers.push(await enrolledPeer(broker, `lanes-${i}`));
  let stated = 0;
  return {
    sendBatch: async (statements) => {
      const entries: Uint8Array[] = [];
      for (let i = 0; i < statements; i += 1) {
        entries.push(await nextStatement(stated));
        stated += 1;
      }
      const message = await merchant.sign(noticeBatch, { entries });
      const sealed = await merchant.seal(message);
      const { payload } = orThrow(
        await merchant.post("POST /notices", sealed, acknowledgement, "acknowledge"),
      );
      if (payload.refused.length > 0) throw new Error(`the broker refused ${payload.refused.join()}`);
    },
  };

  /** Each customer's lane goes on where its last statement ended: all but the first name the one before. */
  async function nextStatement(index: number): Promise<Uint8Array> {
    const customer = customers[index % CUSTOMERS];
    if (customer === undefined) throw new Error("there is no customer");
    const first = Math.floor(index / CUSTOMERS) * PER_STATEMENT + 1;
    const { bytes } = await makeStatement(
      { network: broker.network, merchant, customer },
      {
        issuedAt: broker.runtime.now(),
        first,
        last: first + PER_STATEMENT - 1,
        total: euro("0.0128"),
        ...(first === 1 ? {} : { previous: merchant.uid }),
      },
    );
    return bytes;
  }
}

function reach({ broker, door, clock }: CountedCloud): Reachable {
  const [url = "", network = ""] = broker.split("#");
  const call = async (route: string, body?: Uint8Array) => {
    const [method, path] = route.split(" ") as ["GET" | "POST", string];
    const answer = await door.transport(method, `${url}${path}`, body);
    const isError = answer.contentType === ERROR_MEDIA_TYPE;
    return { body: answer.body, code: isError ? orThrow(decodeAs(errorCodec, answer.body)).code : undefined };
  };
  const { runtime } = clock;
  return {
    network,
    runtime,
    wiring: { suite: defaultSuite },
    call,
    keys: async () =>
      orThrow(await verifyBrokerKeys((await call("GET /keys")).body, network, defaultSuite, runtime.now())),
  };
}
