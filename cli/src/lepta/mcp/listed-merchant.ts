/** A merchant that the configuration lists. */
import { type AgentConfiguration, readMerchant } from "./configuration.ts";
import { ToolFault } from "./fault.ts";

/** Its address as it is listed. Throws a `ToolFault` where it is not: nobody is asked anything then. */
export function listedMerchant({ merchants }: AgentConfiguration, address: string): string {
  const merchant = readMerchant(address);
  if (merchant !== undefined && merchants.includes(merchant)) return merchant;
  throw new ToolFault(
    "not-allowed",
    "The configuration does not list this merchant.",
    "Tell the user: only the owner of the wallet can list a merchant, in the configuration.",
  );
}
