/** The bounds that a page works with from the start. `limits` of the package itself has all of them. */
export const limits = {
  /** Bytes of a message, where no other limit is named for its type. */
  messageBytes: 16 * 1024,
  /** Bytes of a batch of notices, sealed. */
  batchBytes: 1024 * 1024,
  /** Bytes of a purchase response, sealed: it carries the goods. */
  goodsBytes: 1024 * 1024,
  /** What headers and a signature add to a payload at most, in bytes. */
  signatureBytes: 1024,
  /** Levels of one CBOR item, from the outermost array to the innermost number. */
  nesting: 8,
  /** Messages in one WebSocket frame. */
  frameMessages: 64,
  /** Sealed plaintexts are padded to a multiple of this many bytes. */
  paddingStep: 256,
  /** The largest amount, in millionths of the currency's major unit. */
  amount: 2n ** 53n - 1n,
  /** How far ahead of ours a sender's clock may be, in milliseconds. */
  clockSkew: 2 * 60 * 1000,
  /** The longest life of a request from issuedAt to expiresAt, in milliseconds. */
  requestLife: 24 * 60 * 60 * 1000,
  /** The longest life of an operational key, in milliseconds. */
  operationalKeyLife: 24 * 60 * 60 * 1000,
  /** The longest life of a peer's sealing key statement, in milliseconds. */
  sealingKeyLife: 366 * 24 * 60 * 60 * 1000,
  /** Characters of an item's name. */
  skuLength: 64,
  /** Characters of an item's description. */
  descriptionLength: 256,
  /** Characters of an account's name at the funding rail. */
  accountLength: 128,
  /** Characters of what allows the broker to charge an account. */
  mandateLength: 256,
  /** Characters of a funding rail's reference. */
  referenceLength: 128,
  /** Characters of a merchant's address. */
  addressLength: 512,
  /** The largest quantity of one order. */
  quantity: 1_000_000,
  /** Certificates of operational keys whose signatures are not checked again. */
  provenCertificates: 256,
  /** Certificates in the broker's list of keys. */
  certificates: 64,
  /** Revocations in the broker's list of keys, and those that a peer remembers: the latest ones. */
  revocations: 64,
  /** How often a request is sent again because its outcome is not known. */
  deliveryAttempts: 6,
  /** Bytes of one record in a peer's log: a purchase with its answer. */
  logRecordBytes: 1024 * 1024 + 64 * 1024,
  /** Calls of one tab to a wallet that tabs share, and those that the tab with the wallet works on at once. */
  sharedCalls: 64,
  sharedCallsHeld: 256,
  /** Tabs that had the wallet before which a tab remembers. */
  sharedHolders: 16,
} as const;
