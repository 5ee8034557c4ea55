/** All commands, in the order in which the help lists them. One that brings much with it loads that when it runs. */
import type { Command } from "./command.ts";
import { dev } from "./dev/command.ts";
import { inspect } from "./inspect-command.ts";
import { mcp } from "./mcp/command.ts";
import { merchantInit } from "./merchant/init.ts";
import { merchantSales } from "./merchant/sales.ts";
import { merchantServe } from "./merchant/serve.ts";
import { merchantSettle } from "./merchant/settle.ts";
import { pay } from "./pay.ts";
import { walletBackup } from "./wallet/backup.ts";
import { walletBalance } from "./wallet/balance.ts";
import { walletBuy } from "./wallet/buy.ts";
import { walletGoods } from "./wallet/goods.ts";
import { walletHistory } from "./wallet/history.ts";
import { walletInit } from "./wallet/init.ts";
import { walletPending } from "./wallet/pending.ts";
import { walletReceipt } from "./wallet/receipt.ts";
import { walletRedeem } from "./wallet/redeem.ts";
import { walletRestore } from "./wallet/restore.ts";
import { walletTopup } from "./wallet/topup.ts";

export const commands: readonly Command[] = [
  dev,
  walletInit,
  walletBalance,
  walletTopup,
  walletBuy,
  walletGoods,
  walletHistory,
  walletReceipt,
  walletPending,
  walletRedeem,
  walletBackup,
  walletRestore,
  pay,
  merchantInit,
  merchantServe,
  merchantSales,
  merchantSettle,
  inspect,
  mcp,
];
