/** What every merchant of the simulation delivers. */
export const goodsFor = (customer: string, txn: string, sku: string): string =>
  `${sku} for ${customer}/${txn}`;
