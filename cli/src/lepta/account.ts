/** The options of those commands with which a wallet or a merchant begins: which broker, and whose account there. */
import type { CommandOption, Context } from "./command.ts";
import type { Remembered } from "./home.ts";

export const brokerOption: CommandOption = {
  name: "broker",
  value: "address",
  summary: "https://host#thumbprint; otherwise $LEPTA_BROKER, otherwise the broker of lepta dev",
};

export const accountOptions: readonly CommandOption[] = [
  {
    name: "account",
    value: "name",
    summary: "the account that pays and is paid; the sandbox bank needs none",
  },
  { name: "mandate", value: "text", summary: "what allows the broker to charge it" },
];

/** What was given of the account. */
export function accountOf({ option }: Context): Pick<Remembered, "account" | "mandate"> {
  const account = option("account");
  const mandate = option("mandate");
  return { ...(account && { account }), ...(mandate && { mandate }) };
}
