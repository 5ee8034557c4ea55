/** The tool `balance`: what there is, what may be spent, and what is not known. */
import { formatAmount } from "@lepta/protocol";
import type { AgentWallet } from "./agent-wallet.ts";
import type { AgentConfiguration } from "./configuration.ts";
import type { ToolAnswer } from "./content.ts";
import { ofWallet } from "./fault.ts";

/** Throws a `ToolFault`. */
export async function showBalance(
  wallet: AgentWallet,
  { max, perDay }: AgentConfiguration,
): Promise<ToolAnswer> {
  try {
    const { last24h, reserved } = await wallet.spent();
    const { brokerScrip, vendorScrip } = await wallet.balance();
    const underWay = await wallet.pending();
    const left = perDay.value - last24h.value - reserved.value;
    const said = (value: bigint): string => formatAmount({ ...perDay, value: value < 0n ? 0n : value });
    return {
      facts: {
        balance: brokerScrip ?? null,
        atMerchants: vendorScrip.map(({ merchant, url, amount }) => ({ merchant, url: url ?? null, amount })),
        limits: { max: formatAmount(max), perDay: formatAmount(perDay) },
        last24h: {
          charged: formatAmount(last24h),
          setAside: formatAmount(reserved),
          left: said(left),
        },
        underWay: underWay.slice(-LISTED).map(({ kind, status, txn, at, amount }) => ({
          kind,
          status,
          txn,
          at: new Date(at).toISOString(),
          amount,
        })),
      },
    };
  } catch (error) {
    throw ofWallet(error, "nothing-paid");
  }
}

const LISTED = 50;
