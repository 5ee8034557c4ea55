/** Lepta in a page: `<lepta-wallet>` and `<lepta-pay>`. */
import { LeptaPay } from "./elements/lepta-pay.ts";
import { LeptaWallet } from "./elements/lepta-wallet.ts";

export { LeptaPay, type Paid, type PayState } from "./elements/lepta-pay.ts";
export { LeptaWallet, type Names } from "./elements/lepta-wallet.ts";
export { type PageWallet, pageWalletOf } from "./page-wallet.ts";
export { provideWallet } from "./provide.ts";
export { openSharedWallet, type SharedWallet, type SharedWalletOptions } from "./shared-wallet.ts";

/** Makes the elements known to the page. Calling it again changes nothing. */
export function defineElements(): void {
  if (customElements.get("lepta-wallet") === undefined) customElements.define("lepta-wallet", LeptaWallet);
  if (customElements.get("lepta-pay") === undefined) customElements.define("lepta-pay", LeptaPay);
}
