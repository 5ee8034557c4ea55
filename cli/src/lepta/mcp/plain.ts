/** Words of strangers on one line: no control characters, nothing that turns the writing round, no more than so many characters. */
export function plain(text: string, most: number): string {
  const line = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, " ").trim();
  return line.length <= most ? line : `${line.slice(0, most)}…`;
}
