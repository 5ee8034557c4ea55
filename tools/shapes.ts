/** Which structures of the protocol have a name in its specification. */

/** The shapes that have a name of their own, by the constant that defines them. */
export const SHAPES: Readonly<Record<string, string>> = {
  scripBodyCodec: "scrip-body",
  scripCodec: "scrip",
  grantCodec: "grant",
  spendCodec: "spend",
  brokerSpendCodec: "broker-spend",
  purchaseSpendCodec: "purchase-spend",
  returnSpendCodec: "return-spend",
  orderCodec: "order",
  recordCodec: "record",
  placeCodec: "place",
  secretCodec: "secret",
  contentCodec: "content",
  credentialCodec: "credential",
  brokerKeysCodec: "broker-keys",
  errorCodec: "error",
  frameCodec: "frame",
  signedStatement: "signed-statement",
  sessionHello: "session-hello",
  recordedCodec: "recorded",
  runCodec: "run",
  receiptCodec: "receipt",
};
