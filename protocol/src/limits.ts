import { limits as core } from "./core-limits.ts";

/** Every bound of the protocol by its name. A queue, cache, loop or retry without one of these is a fault. */
export const limits = {
  ...core,
  /** Bytes of the goods in a purchase response. */
  deliveryBytes: 1024 * 1024 - 4096,
  /** Notices and statements in one batch. */
  batchEntries: 1000,
  /** Bytes of one WebSocket frame. */
  frameBytes: 1024 * 1024 + 64 * 1024,
  /** M3 of figure 8 goes through the merchant: of this length it tells nothing about what the customer has left. */
  changePaddingStep: 8192,
  /** Offers that a customer remembers of one connection. */
  offersKept: 256,
  /** Items in an offer, and its bytes. */
  offerItems: 32,
  offerBytes: 64 * 1024,
  /** Credits in one settlement statement, each two writes of one commit; more follow in another. */
  settlementCredits: 45,
  /** Requests to the broker that a merchant leaves for later before it takes the broker to be away. */
  tendFailures: 3,
  /** Settlements that a merchant asks for in one go. */
  settlements: 1000,
  /** Entries of each kind in one page of an account-response. */
  accountEntries: 32,
  /** Pages of an account that a restored wallet reads. */
  accountPages: 10_000,
  /** Live scrips in one line, and lines in one page of a holdings-response. */
  holdings: 8,
  /** Lines that a merchant looks at for one page. */
  linesRead: 64,
  /** Pages of a holdings-response that a customer reads. */
  holdingsPages: 1000,
  /** How often a commit is tried again because the state that it was decided on had moved. */
  commitAttempts: 100,
  /** How often a store is asked again after a conflict or a throttle, within one attempt. */
  storeAttempts: 8,
  /** Notices and statements that wait for the broker; a peer with as many buys and sells no further until some are gone. */
  outbox: 100_000,
  /** Their bytes: likewise. */
  outboxStored: 128 * 1024 * 1024,
  /** Notices and statements that a peer sends in one batch. */
  outboxBatch: 1000,
  /** Their bytes: sealed, with what stands around them, they are no more than `batchBytes`. */
  outboxBytes: 1024 * 1024 - 16 * 1024,
  /** The longest pause between two tries while the broker takes nothing, in milliseconds. */
  outboxPause: 5 * 60 * 1000,
  /** Entries that the broker refuses alone, one after the other, before a try is given up. */
  outboxStrikes: 8,
  /** Entries that the broker would not take and that are kept as evidence: the latest ones. */
  outboxAside: 1000,
  /** Bytes of the broker's acknowledgements that a merchant keeps for all customers who are away, the latest ones. */
  recordedBytes: 16 * 1024 * 1024,
  /** And for one of them. */
  recordedPerCustomer: 32 * 1024,
  /** Frames of one connection that are worked on at once; the next are not read until one is done. */
  framesAtOnce: 16,
  /** Messages in a frame that a customer sends: each may be answered by two. */
  requestMessages: 16,
  /** Frames that make no sense before a connection is closed. */
  badFrames: 8,
  /** Connections of one merchant. */
  connections: 10_000,
  /** Bytes of a frame that a customer sends. */
  requestFrameBytes: 256 * 1024,
  /** Bytes that may wait for a customer who does not read. */
  unreadBytes: 4 * 1024 * 1024,
  /** Bytes that a browser, which cannot stop reading, holds of a connection while their reader pauses. */
  heldBytes: 4 * 1024 * 1024,
  /** How long a connection may be silent before its first frame, in milliseconds. */
  firstFrameWithin: 10_000,
  /** How long it may be silent between two, in milliseconds; a session has its heartbeats instead. */
  silentFor: 10 * 60 * 1000,
  /** Refused purchases that a merchant keeps for one scrip. */
  refusalsPerScrip: 64,
  /** Items of one batch of notices that the broker works on at once. */
  noticesAtOnce: 32,
  /** Statements of a lane that the broker reads to answer a query about one purchase. */
  statementsRead: 256,
  /** Hashes on the way from an entry of a batch to the root of its tree. */
  merklePath: 16,
  /** Purchases of one customer with one merchant, over all lanes, that no statement covers yet: at so many both stop (N). */
  unstatedPurchases: 512,
  /** What they may come to, in millionths of the currency's major unit (A). */
  unstatedAmount: 250_000n,
  /** What their bytes, goods included, may come to: a merchant keeps them in memory and on disk. */
  unstatedBytes: 16 * 1024 * 1024,
  /** Elements of a run: purchases, and as many openings of sessions that were resumed between them. */
  runElements: 1024,
  /** Bytes of a receipt: it carries the goods. */
  receiptBytes: 1024 * 1024 + 192 * 1024,
  /** Fields that an inspection shows. */
  inspectedFields: 4096,
  /** Checks that it makes, and signatures among them. */
  inspectedChecks: 1024,
  inspectedSignatures: 256,
  /** Messages in messages that it opens. */
  inspectedDepth: 8,
  /** Characters of one text that it shows. */
  inspectedText: 1024,
  /** Purchases after which a merchant proposes a statement; also at half of A. */
  statementAfter: 256,
  /** How long a purchase may be without a statement before one is proposed, in milliseconds (T). */
  statementWithin: 5_000,
  /** How long a side that stands at its bound waits for the statement, in milliseconds. */
  statementPatience: 10_000,
  /** Below this a purchase goes through a lane, in millionths of the major unit, unless the merchant says otherwise. */
  statementBelow: 50_000n,
  /** Open lanes between one customer and one merchant. */
  lanes: 16,
  /** Purchases on one lane that are sent and not answered. */
  laneInFlight: 64,
  /** Bytes of the purchases under one statement as they are kept: as many as may be without one, each with the largest goods. */
  runBytes: 512 * (1024 * 1024 + 64 * 1024),
  /** Addresses of merchants that a wallet knows without reading them again. */
  merchantsKept: 256,
  /** Openings of sessions that a customer remembers of a lane: one for each purchase without a statement, and the last two. */
  openingsKept: 514,
  /** How often a customer asks again for a lane whose merchant is still at work on what the broken session brought. */
  resumeAttempts: 8,
  /** How often a connection that broke under purchases is opened again by itself. */
  reconnectAttempts: 5,
  /** Bytes of one message of a session's handshake. */
  handshakeBytes: 65_535,
  /** Messages that one key of a session seals; after so many a new session begins. */
  cipherMessages: 2 ** 32,
  /** Silence after which a side of a session asks whether the other is there, in milliseconds. */
  heartbeat: 30_000,
  /** Silence after which it takes the connection to be broken, in milliseconds. */
  sessionSilence: 90_000,
  /** How long a customer waits for the broker's acknowledgement of a statement before it sends its own copy, in milliseconds. */
  acknowledgedWithin: 10 * 60 * 1000,
  /** Bytes of one file of a peer's log; at least one record fits. */
  logSegmentBytes: 2 * 1024 * 1024,
  /** Bytes of a buffer that a log keeps for what comes next. */
  logBufferBytes: 256 * 1024,
  /** Records of scrip that a merchant reads at once when it starts. */
  scripRows: 4096,
  /** Characters of a header with challenges that a paying fetch reads. */
  challengesLength: 64 * 1024,
  /** Challenges, of any scheme, in it. */
  challenges: 32,
  /** Parameters of one of them. */
  challengeParameters: 32,
  /** Characters of a header with a credential or a receipt of HTTP. */
  credentialLength: 16 * 1024,
  /** Levels of the JSON in a header of HTTP. */
  jsonNesting: 16,
  /** Entries of an `Accept-Payment`. */
  acceptedPayments: 32,
  /** Bytes of a request's body at a paywall. */
  paidBodyBytes: 1024 * 1024,
  /** Characters of a request's method, path and query. */
  resourceLength: 2048,
  /** Bytes of an answer of a fixed price, and of a metered one that can be had again. */
  paidAnswerBytes: 8 * 1024 * 1024,
  /** Headers of such an answer, and characters of one. */
  answerHeaders: 64,
  answerHeaderLength: 8192,
  /** Bytes of all answers that a paywall keeps for those who ask again. */
  answersBytes: 256 * 1024 * 1024,
  /** Requests with a payment that a paywall works on at once. */
  paidAtOnce: 1000,
  /** And for one customer. */
  paidByOne: 128,
  /** How long a metered answer waits to be read on, in milliseconds; then it ends, and what was used is charged. */
  readWithin: 60_000,
  /** How long a paid request and its purchase on a lane wait for each other, in milliseconds. */
  meetWithin: 10_000,
  /** How long a metered answer waits for more funds, in milliseconds. */
  fundsWithin: 60_000,
  /** How long a customer waits for the answer of a metered purchase, which comes when its units are used, in milliseconds. */
  pieceWithin: 10 * 60_000,
  /** Imported public keys that one party keeps in memory. */
  keyCache: 10_000,
  /** Payments that a budget remembers: those of 24 hours, and those that are not known to have ended. */
  budgetEntries: 65_536,
  /** Characters of a budget's name. */
  budgetNameLength: 32,
  /** Calls that an agent's server works on at once; the next are refused with `busy`. */
  agentCalls: 64,
  /** Redirects that it follows for one call. */
  agentRedirects: 5,
} as const;
