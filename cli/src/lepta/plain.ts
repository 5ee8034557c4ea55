/** Text of others on a terminal: what a merchant says must not move the cursor, change colours or write over other lines. */

/** The text with every control character, and what turns the direction of writing, shown as its number. */
export const plain = (text: string): string => text.replaceAll(UNSEEN, escaped);

/** The same for text of several lines. */
export const plainLines = (text: string): string => text.replaceAll(UNSEEN_IN_LINES, escaped);

const UNSEEN = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;
const UNSEEN_IN_LINES = /(?![\t\n])[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

const escaped = (character: string): string =>
  `\\u{${character.codePointAt(0)?.toString(16).padStart(4, "0")}}`;
