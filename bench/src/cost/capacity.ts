/** Read and write units of one DynamoDB request, by its published rules ("read and write operations"). */
import type { Marshalled } from "./item-size.ts";
import { itemSize } from "./item-size.ts";

/** What one request used. */
export interface Usage {
  readonly readUnits: number;
  readonly writeUnits: number;
  /** What is in the table afterwards where the request succeeds: bytes by item, 0 for one that is gone. */
  readonly left: ReadonlyMap<string, number>;
}

/** Bytes of an item that is in the table, by `itemName`; 0 where there is none. */
export type SizeOf = (name: string) => number;

const WRITE_STEP = 1024;
const READ_STEP = 4096;
const TRANSACTION = 2;

/** Usage by the command's name, what was sent, and what came back (undefined where the request failed). Throws on a command whose rule is not here: a request must not go uncounted. */
export function usageOf(command: string, input: unknown, output: unknown, sizeOf: SizeOf): Usage {
  const sent = input as Sent;
  const got = (output ?? {}) as Got;
  switch (command) {
    case "GetItemCommand":
      return reads(readUnits(sizeOrNone(got.Item)) * consistency(sent));
    case "QueryCommand":
    case "ScanCommand":
      return reads(readUnits(sum((got.Items ?? []).map(itemSize))) * consistency(sent));
    case "TransactGetItemsCommand":
      // A failed one is taken as if nothing had been found.
      return reads(
        sum(
          (sent.TransactItems ?? []).map(
            (_, i) => readUnits(sizeOrNone(got.Responses?.[i]?.Item)) * TRANSACTION,
          ),
        ),
      );
    case "PutItemCommand":
      return writes([{ Put: sent }], 1, sizeOf);
    case "DeleteItemCommand":
      return writes([{ Delete: sent }], 1, sizeOf);
    case "TransactWriteItemsCommand":
      return writes(sent.TransactItems ?? [], TRANSACTION, sizeOf);
    default:
      throw new Error(`there is no rule for the cost of ${command}`);
  }
}

/** An item of the table by its keys. */
export const itemName = ({ pk, sk }: Marshalled): string => JSON.stringify([pk?.S, sk?.S]);

interface One {
  readonly Item?: Marshalled;
  readonly Key?: Marshalled;
}

interface Operation {
  readonly Put?: One;
  readonly Delete?: One;
  readonly ConditionCheck?: One;
}

interface Sent extends One {
  readonly ConsistentRead?: boolean;
  readonly TransactItems?: readonly Operation[];
}

interface Got extends One {
  readonly Items?: readonly Marshalled[];
  readonly Responses?: readonly One[];
}

/** A write costs by the larger of what was there and what is put; a condition that does not hold costs the same. */
function writes(operations: readonly Operation[], factor: number, sizeOf: SizeOf): Usage {
  const left = new Map<string, number>();
  const units = operations.map(({ Put, Delete, ConditionCheck }) => {
    const keys = Put?.Item ?? Delete?.Key ?? ConditionCheck?.Key;
    if (keys === undefined) throw new Error("there is no rule for the cost of this write");
    const name = itemName(keys);
    const before = sizeOf(name);
    const after = Put?.Item === undefined ? 0 : itemSize(Put.Item);
    if (ConditionCheck === undefined) left.set(name, after);
    return writeUnits(Math.max(before, after)) * factor;
  });
  return { readUnits: 0, writeUnits: sum(units), left };
}

const reads = (units: number): Usage => ({ readUnits: units, writeUnits: 0, left: new Map() });
const writeUnits = (bytes: number): number => Math.max(1, Math.ceil(bytes / WRITE_STEP));
const readUnits = (bytes: number): number => Math.max(1, Math.ceil(bytes / READ_STEP));
const consistency = ({ ConsistentRead }: Sent): number => (ConsistentRead === true ? 1 : 0.5);
const sizeOrNone = (item: Marshalled | undefined): number => (item === undefined ? 0 : itemSize(item));
const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
