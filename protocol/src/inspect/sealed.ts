/** A sealed message: to which key, and what is in it where that key is at hand. Of the rest nothing is guessed. */
import { decodeCbor } from "../cbor.ts";
import { readEncrypt } from "../cose/encrypt.ts";
import { openMessage, sealedLimit } from "../envelope.ts";
import { isRefusal } from "../errors.ts";
import { messageByMediaType } from "../messages/index.ts";
import { cborField } from "./cbor.ts";
import { check, field, type Part, type Place, refused, whether } from "./report.ts";
import { readSigned } from "./signed.ts";
import { count, short } from "./text.ts";
import { wordsOf } from "./words.ts";

/** A COSE_Encrypt. */
export async function readSealed(bytes: Uint8Array, place: Place): Promise<Part> {
  const sealed = readEncrypt(bytes);
  if (isRefusal(sealed)) {
    check(place, "Structure", refused(sealed));
    const item = decodeCbor(bytes);
    const fields = isRefusal(item) ? [] : [cborField("Content", item, place)];
    return { kind: "CBOR", title: "CBOR that is no message of this protocol", fields };
  }
  const { contentType, kid, body } = sealed;
  const type = messageByMediaType.get(contentType);
  const head = [
    field("Sealed to the key", kid, { note: short(kid) }),
    field("Says that it holds", contentType),
    field("Sealed content", `${count(body.content.length, "byte")}, padded`),
  ];
  const isWhole = place.path === "";
  if (isWhole) check(place, "Seal's structure", ["good", "a COSE_Encrypt with one recipient"]);
  if (type === undefined) {
    check(place, "Type", ["bad", `no message of this protocol has the media type ${contentType}`]);
    return { kind: "sealed message", title: "Sealed message of no known type", fields: head };
  }
  const most = sealedLimit(type);
  if (isWhole || bytes.length > most) {
    const sizes = `${count(bytes.length, "byte")} of ${most} at most`;
    check(place, "Sealed size", whether(bytes.length <= most, sizes, sizes));
  }
  const { title, figure } = wordsOf(type);
  const part = { kind: "sealed message", title: `${title}, sealed`, figure, name: type.name } as const;
  const key = await place.report.context.openingKeys?.(kid);
  if (key === undefined) {
    check(place, "Seal", ["unknown", `sealed to the key ${short(kid)}, which is not at hand`]);
    return { ...part, fields: head };
  }
  const opened = await openMessage(bytes, [type], () => key);
  if (isRefusal(opened)) {
    check(place, "Seal", refused(opened));
    return { ...part, fields: head };
  }
  check(place, "Seal", ["good", "it opens, and its padding is right"]);
  const { signed, secrets, attachments } = opened;
  const inner = await readSigned(signed, place, { secrets, attachments });
  return { ...part, title, fields: [...inner.fields, field("Seal", "opened", { fields: head })] };
}
