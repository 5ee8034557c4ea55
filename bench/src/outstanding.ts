/**
 * The place of the table of outstanding scrip in the bench: what spending and issuing cost with ten million scrips outstanding.
 * While nothing measures it the report has no such figures.
 */
export interface Outstanding {
  /** Time of spending one scrip and issuing its change, with 10,000,000 outstanding against with 10,000. */
  readonly spend10MVs10k: number;
  /** What the table of ten million takes, salts included, in bytes. */
  readonly bytes: number;
}

/** Measures it in a process on this core. */
export type MeasureOutstanding = (core: number | undefined) => Promise<Outstanding>;

export const measureOutstanding: MeasureOutstanding | undefined = undefined;
