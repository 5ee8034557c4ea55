/** `lepta merchant settle`: what the broker owes, to the merchant's account. */
import { parseAmount } from "@lepta/peer-sdk";
import type { Command } from "../command.ts";
import { withMerchant } from "../party.ts";

export const merchantSettle: Command = {
  name: "merchant settle",
  summary: "has the broker pay",
  help:
    "Has the broker pay what it owes the merchant to the merchant's account. What customers may still have taken back is held\n" +
    "for a while and comes with a later settlement. Given again it goes on with the same settlement: nothing is paid twice.",
  examples: ["npx lepta merchant settle"],
  run: (context) =>
    withMerchant(context, async (merchant) => {
      const known = (await merchant.statements()).length;
      const paid = await context.during("Settling", merchant.settle());
      const statements = (await merchant.statements()).slice(known);
      const isNothing = parseAmount(paid).value === 0n;
      const [last] = statements.slice(-1);
      return {
        lines: [
          isNothing ? `Nothing is free to be paid yet: ${paid}.` : `${paid} went to the account.`,
          ...(last === undefined || isNothing ? [] : [`Carried on to the next settlement: ${last.carried}`]),
        ],
        json: {
          paid,
          statements: statements.map((each) => ({ ...each, reference: each.reference ?? null })),
        },
      };
    }),
};
