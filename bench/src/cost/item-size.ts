/** How large DynamoDB says an item is: names and values by its published rules ("DynamoDB item sizes and formats"). */
import type { AttributeValue } from "@aws-sdk/client-dynamodb";

export type Marshalled = Readonly<Record<string, AttributeValue>>;

/** Bytes that storage counts for each item besides its own, for the index. */
export const STORAGE_OVERHEAD = 100;

/** Bytes of one item, keys included. Throws on a kind of attribute that DynamoDB does not have. */
export const itemSize = (item: Marshalled): number =>
  Object.entries(item).reduce((sum, [name, value]) => sum + utf8(name) + valueSize(value), 0);

const CONTAINER = 3;
const ELEMENT = 1;

function valueSize(value: AttributeValue): number {
  if (value.S !== undefined) return utf8(value.S);
  if (value.N !== undefined) return numberSize(value.N);
  if (value.B !== undefined) return value.B.length;
  if (value.BOOL !== undefined || value.NULL !== undefined) return 1;
  if (value.SS !== undefined) return sum(value.SS.map(utf8));
  if (value.NS !== undefined) return sum(value.NS.map(numberSize));
  if (value.BS !== undefined) return sum(value.BS.map((each) => each.length));
  if (value.L !== undefined) return CONTAINER + sum(value.L.map((each) => ELEMENT + valueSize(each)));
  if (value.M !== undefined)
    return (
      CONTAINER + sum(Object.entries(value.M).map(([name, each]) => ELEMENT + utf8(name) + valueSize(each)))
    );
  throw new Error("an attribute of an unknown kind");
}

/** A byte for every two significant digits and one more, and one for a minus; zeroes at both ends count nothing. */
function numberSize(text: string): number {
  const digits = (text.toLowerCase().split("e")[0] ?? "")
    .replace(/[-+.]/g, "")
    .replace(/^0+/, "")
    .replace(/0+$/, "");
  return Math.ceil(digits.length / 2) + 1 + (text.startsWith("-") ? 1 : 0);
}

const utf8 = (text: string): number => Buffer.byteLength(text);
const sum = (sizes: readonly number[]): number => sizes.reduce((total, size) => total + size, 0);
