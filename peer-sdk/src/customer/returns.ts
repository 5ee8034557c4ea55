/** What brings money back to a wallet and keeps it good, in one part: `#parts`. */
export { takeLive } from "./account.ts";
export { giveBack, reclaim } from "./give-back.ts";
export { takeReturned, wasSpentByUs } from "./holdings.ts";
export { endRedemption, redeem, resumeRedemption } from "./redeem.ts";
export { resumeRefund } from "./refund.ts";
export { endBrokerRenewal, renewBrokerScrip, resumeBrokerRenewal } from "./renew-brokerscrip.ts";
export { resumeVendorRenewal } from "./renew-vendorscrip.ts";
export { restore, resumeRestoring } from "./restore.ts";
export { resumeReversal } from "./reverse.ts";
export { tend } from "./tend.ts";
