/** A self-signed certificate for 127.0.0.1, written by hand: X.509 (RFC 5280) in DER, so that no tool is needed. */
import { generateKeyPairSync, sign } from "node:crypto";

const tag = (number: number, ...parts: readonly Uint8Array[]): Buffer => {
  const content = Buffer.concat(parts);
  const { length } = content;
  const head =
    length < 0x80
      ? [number, length]
      : length < 0x100
        ? [number, 0x81, length]
        : [number, 0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from(head), content]);
};
const sequence = (...parts: readonly Uint8Array[]): Buffer => tag(0x30, ...parts);
const oid = (...bytes: readonly number[]): Buffer => tag(0x06, Buffer.from(bytes));
const integer = (value: number): Buffer => tag(0x02, Buffer.from([value]));
const time = (text: string): Buffer => tag(0x18, Buffer.from(text));

const ECDSA_WITH_SHA256 = oid(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02);
const COMMON_NAME = oid(0x55, 0x04, 0x03);
const SUBJECT_ALT_NAME = oid(0x55, 0x1d, 0x11);
const BASIC_CONSTRAINTS = oid(0x55, 0x1d, 0x13);

/** Certificate and key in PEM. */
export function selfSigned(): { readonly cert: string; readonly key: string } {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const name = sequence(tag(0x31, sequence(COMMON_NAME, tag(0x0c, Buffer.from("lepta test")))));
  const address = sequence(tag(0x87, Buffer.from([127, 0, 0, 1])));
  const extensions = sequence(
    sequence(SUBJECT_ALT_NAME, tag(0x04, address)),
    sequence(
      BASIC_CONSTRAINTS,
      tag(0x01, Buffer.from([0xff])),
      tag(0x04, sequence(tag(0x01, Buffer.from([0xff])))),
    ),
  );
  const body = sequence(
    tag(0xa0, integer(2)),
    integer(1),
    sequence(ECDSA_WITH_SHA256),
    name,
    sequence(time("20200101000000Z"), time("20990101000000Z")),
    name,
    publicKey.export({ type: "spki", format: "der" }),
    tag(0xa3, extensions),
  );
  const signature = sign("sha256", body, privateKey);
  const der = sequence(body, sequence(ECDSA_WITH_SHA256), tag(0x03, Buffer.from([0]), signature));
  const lines = der.toString("base64").replace(/.{64}/g, "$&\n").trim();
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`,
    key: String(privateKey.export({ type: "pkcs8", format: "pem" })),
  };
}
