/** The registered numbers of COSE (RFC 9052, 9053, 8230, 8812, 9459) that the protocol uses. */

export const tags = { sign1: 18, encrypt: 96 } as const;

export const header = { alg: 1, contentType: 3, kid: 4, iv: 5, ephemeralKey: -1 } as const;

export const key = { kty: 1, crv: -1, x: -2, y: -3, rsaModulus: -1, rsaExponent: -2 } as const;

export const kty = { okp: 1, ec2: 2, rsa: 3 } as const;

export const curve = { p256: 1, x25519: 4 } as const;

/** The numbers of the algorithms that the suites use. */
export const algorithm = {
  es256: -7,
  ecdhEsHkdf256: -25,
  a256gcm: 3,
  /** RSASSA-PKCS1-v1_5 with SHA-1. */
  rs1: -65535,
  /** RSAES-OAEP with SHA-1. */
  rsaOaep: -40,
  a192cbc: -65530,
} as const;
