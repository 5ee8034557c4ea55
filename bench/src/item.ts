/** The one thing that is sold in the bench. */

export const ITEM = {
  sku: "page",
  description: "One page of text",
  /** The least there is, so that one VendorScrip lasts for millions of purchases. */
  price: "EUR 0.000001",
} as const;

/** Bytes of the goods. */
export const GOODS_BYTES = 256;

/** What a request over HTTP costs, and the same in millionths. */
export const REQUEST = { price: "EUR 0.0001", value: 100 } as const;
