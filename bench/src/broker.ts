/**
 * A broker for the bench: the embedded cloud, but for notices and statements. Those a stand-in takes: it verifies every signature,
 * counts what is said, and acknowledges it as the broker does, but keeps nothing, as a run has more of them than the stand-in
 * for DynamoDB could write in its time. A peer sends them between measurements and never during one.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { brokerFor, type Wiring } from "@lepta/lambdas";
import { SEALED_MEDIA_TYPE } from "@lepta/lambdas/handlers/http";
import { loadPeer, type Peer, receive, sealAnswer, signAnswer } from "@lepta/lambdas/pipeline/broker";
import { startEmbeddedCloud } from "@lepta/local";
import {
  acknowledgement,
  decodeAs,
  decodePayload,
  entryDigest,
  isRefusal,
  noticeBatch,
  orThrow,
  readMessage,
  saleNotice,
  signedStatement,
  statement,
  treeHash,
  type Uid,
  verifyMessage,
  verifyStatementBy,
} from "@lepta/protocol";

/** What a merchant has told, under valid signatures. */
export interface Told {
  /** Purchases of which a notice of their own came. */
  notices: number;
  /** Statements that merchant and customer have signed. */
  statements: number;
  /** Purchases that statements cover. */
  stated: number;
  /** What all of these come to, in millionths. */
  value: number;
}

export interface BenchBroker {
  /** The address with its pin. */
  readonly address: string;
  /** What this merchant has told so far. */
  told(merchant: Uid): Told;
  close(): Promise<void>;
}

export async function startBroker(
  dir: string,
  suite: "default" | "figure-4" = "default",
): Promise<BenchBroker> {
  const cloud = await startEmbeddedCloud({ dir, suite });
  const tally = new Map<Uid, Told>();
  const take = noticesDoor(cloud.wiring, tally);
  const server = createServer((request, response) => {
    const isNotice = request.method === "POST" && request.url === "/notices";
    (isNotice ? answerNotices(request, response, take) : forward(request, response, cloud.url)).catch(
      (error: unknown) => response.destroy(error instanceof Error ? error : undefined),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the broker has no port");
  return {
    address: `http://127.0.0.1:${address.port}#${cloud.network}`,
    told: (merchant) => tally.get(merchant) ?? { notices: 0, statements: 0, stated: 0, value: 0 },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await cloud.close();
    },
  };
}

type PeerOf = (uid: Uid) => Promise<Peer>;
type Door = (body: Uint8Array) => Promise<Uint8Array>;

/** Throws where anything in a batch is not as it must be: the run is then worth nothing. */
function noticesDoor(wiring: Wiring, tally: Map<Uid, Told>): Door {
  const broker = brokerFor(wiring, "acknowledge");
  const peers = new Map<Uid, Promise<Peer | undefined>>();
  const peerOf: PeerOf = async (uid) => {
    const loading = peers.get(uid) ?? loadPeer(broker, uid);
    peers.set(uid, loading);
    const peer = await loading;
    if (peer === undefined) throw new Error("something that a stranger has signed");
    return peer;
  };
  return async (body) => {
    const { message, sender, keySet, now } = orThrow(await receive(broker, body, [noticeBatch]));
    const { entries, txn } = message.payload;
    const told = tally.get(sender.uid) ?? { notices: 0, statements: 0, stated: 0, value: 0 };
    tally.set(sender.uid, told);
    for (const entry of entries) await takeEntry(peerOf, sender.uid, entry, told, now);
    const answer = await signAnswer(broker, keySet, acknowledgement, {
      to: sender.uid,
      txn,
      request: message.digest,
      decidedAt: now,
      count: entries.length,
      tree: treeHash(entries.map(entryDigest)),
      refused: [],
    });
    return sealAnswer(broker, answer, sender.sealingKey);
  };
}

async function takeEntry(
  peerOf: PeerOf,
  from: Uid,
  entry: Uint8Array,
  told: Told,
  now: number,
): Promise<void> {
  const signed = decodeAs(signedStatement, entry);
  if (isRefusal(signed)) return takeNotice(await peerOf(from), entry, told, now);
  const said = orThrow(decodePayload(statement, signed.statement));
  if (said.from !== from) throw new Error("a statement of somebody else");
  for (const [uid, signature] of [
    [said.from, signed.merchant],
    [said.customer, signed.customer],
  ] as const) {
    if (signature === undefined) throw new Error("a statement that one side has not signed");
    orThrow(await verifyStatementBy(signed.statement, signature, (await peerOf(uid)).verifyingKey, uid));
  }
  told.statements += 1;
  told.stated += said.last - said.first + 1;
  told.value += Number(said.total.value);
}

async function takeNotice(
  { uid, verifyingKey: key }: Peer,
  entry: Uint8Array,
  told: Told,
  now: number,
): Promise<void> {
  const opened = orThrow(readMessage(entry, [saleNotice]));
  const { network } = opened.payload;
  const by = { key, kid: uid, from: uid, to: network, network, now };
  const { payload } = orThrow(await verifyMessage(opened, by));
  told.notices += 1;
  told.value += Number(payload.charged.value);
}

async function answerNotices(request: IncomingMessage, response: ServerResponse, take: Door): Promise<void> {
  const answer = await take(await bodyOf(request));
  response.writeHead(200, { "content-type": SEALED_MEDIA_TYPE, "content-length": answer.length });
  response.end(answer);
}

async function forward(request: IncomingMessage, response: ServerResponse, url: string): Promise<void> {
  const body = await bodyOf(request);
  const { method = "GET", headers } = request;
  const answer = await fetch(url + (request.url ?? "/"), {
    method,
    headers: { "content-type": headers["content-type"] ?? "application/octet-stream" },
    ...(body.length === 0 ? {} : { body }),
  });
  response.writeHead(answer.status, { "content-type": answer.headers.get("content-type") ?? "" });
  response.end(new Uint8Array(await answer.arrayBuffer()));
}

async function bodyOf(request: IncomingMessage): Promise<Buffer<ArrayBuffer>> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
