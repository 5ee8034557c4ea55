/** The steps of what a receipt may show besides: that the broker has recorded the statement. */
import { idBytes } from "../bytes.ts";
import { type Credential, type Trust, verifyCertificate } from "../credential.ts";
import { readMessage, verifyMessage } from "../envelope.ts";
import { isRefusal, refuse } from "../errors.ts";
import { limits } from "../limits.ts";
import { isInTree } from "../merkle.ts";
import { acknowledgement } from "../messages/purchase.ts";
import type { Recorded } from "../messages/receipt.ts";
import type { Uid } from "../schema.ts";
import { type Step, step } from "../step.ts";
import type { LanePlace, Said } from "./said.ts";

/** An acknowledgement to one of the two, with the statement's digest in its tree. The last has found when it was recorded. */
export function recordedSteps(
  { acknowledgement: signed, certificate, index, path }: Recorded,
  parts: Step<{ readonly said: Said & { readonly place: LanePlace } }>,
  [root, customer, merchant]: readonly [Step<Trust>, Step<Credential>, Step<Credential>],
  { network, now }: { readonly network: Uid; readonly now: number },
) {
  const opened = step("Broker's acknowledgement", "can be read, and is of the past", [], () => {
    const read = readMessage(signed, [acknowledgement]);
    if (isRefusal(read)) return read;
    return read.payload.issuedAt > now + limits.clockSkew ? refuse("future-dated") : read;
  });
  const key = step(
    "Acknowledging key",
    "certified by the root for acknowledgements, when this one was signed",
    [opened, root],
    async ({ payload }, trust) => {
      const operational = await verifyCertificate(certificate, trust, payload.issuedAt);
      if (isRefusal(operational)) return operational;
      if (operational.purpose !== "acknowledge")
        return refuse("unauthentic", "a key of the broker for another purpose");
      return trust.suite.verifyingKey(operational.publicKey);
    },
  );
  const authentic = step(
    "Broker's signature",
    "over the acknowledgement, to one of the two",
    [opened, key, customer, merchant],
    (read, signer, C, M) => {
      const { to, issuedAt } = read.payload;
      if (to !== C.uid && to !== M.uid) return refuse("wrong-recipient");
      return verifyMessage(read, { key: signer, kid: signer.id, from: network, to, network, now: issuedAt });
    },
  );
  const recordedAt = step(
    "Place in the broker's tree",
    "the path leads from the statement to the acknowledged root",
    [opened, parts],
    ({ payload }, { said }) => {
      const { count, tree, refused, decidedAt } = payload;
      const isThere =
        isInTree(idBytes(said.place.statement), index, count, path, tree) &&
        !refused.some(([at]) => at === index);
      return isThere ? decidedAt : refuse("wrong-reference", "the broker has not recorded this statement");
    },
  );
  return { steps: [opened, key, authentic], recordedAt };
}
