/** Every request that a function makes to DynamoDB and KMS, as IAM sees it. */
import type { Clients } from "@lepta/lambdas";
import type { FunctionName } from "@lepta/lambdas/functions";
import type { Request } from "./iam.ts";

/** The names of places in the embedded cloud, and what IAM calls them. */
export type Places = Readonly<Record<string, string>>;

/** Tells of each request before it is sent: one for each item that it touches. */
export function watching(
  places: Places,
  told: (name: FunctionName, request: Request) => void,
): (name: FunctionName, clients: Clients) => void {
  return (name, { dynamoDb, kms }) => {
    dynamoDb.middlewareStack.add(
      (next, { commandName = "" }) =>
        (args) => {
          for (const request of tableRequests(places, operation(commandName), args.input as Input))
            told(name, request);
          return next(args);
        },
      { step: "initialize", name: "watch" },
    );
    kms.middlewareStack.add(
      (next, { commandName = "" }) =>
        (args) => {
          told(name, keyRequest(places, operation(commandName), args.input as Input));
          return next(args);
        },
      { step: "initialize", name: "watch" },
    );
  };
}

type Input = Readonly<Record<string, unknown>>;
type Item = Readonly<Record<string, { readonly S?: string }>>;

const operation = (commandName: string): string => commandName.replace(/Command$/, "");

function tableRequests(places: Places, name: string, input: Input): readonly Request[] {
  const parts = input.TransactItems as readonly Readonly<Record<string, Input>>[] | undefined;
  if (parts !== undefined)
    return parts.flatMap((part) =>
      Object.entries(part).flatMap(([kind, each]) =>
        tableRequests(places, kind === "ConditionCheck" ? "ConditionCheckItem" : `${kind}Item`, each),
      ),
    );
  const {
    Key,
    Item,
    ExpressionAttributeValues: values,
  } = input as Readonly<Record<string, Item | undefined>>;
  // The store's queries all name the partition so; a query that names it otherwise has no leading key, and is denied.
  const partition = name === "Query" ? values?.[":pk"]?.S : (Key ?? Item)?.pk?.S;
  return [
    {
      action: `dynamodb:${name}`,
      resource: placeOf(places, input.TableName),
      context: { "dynamodb:LeadingKeys": partition === undefined ? [] : [partition] },
    },
  ];
}

function keyRequest(places: Places, name: string, input: Input): Request {
  const encryption = Object.entries((input.EncryptionContext ?? {}) as Readonly<Record<string, string>>);
  const given = [
    ...encryption.map(([key, value]) => [`kms:EncryptionContext:${key}`, [value]] as const),
    ["kms:EncryptionContextKeys", encryption.map(([key]) => key)] as const,
    ["kms:SigningAlgorithm", textsOf(input.SigningAlgorithm)] as const,
    ["kms:MessageType", textsOf(input.MessageType)] as const,
  ];
  return {
    action: `kms:${name}`,
    resource: placeOf(places, input.KeyId),
    context: Object.fromEntries(given),
  };
}

const textsOf = (value: unknown): readonly string[] => (value === undefined ? [] : [String(value)]);

/** What is no known place is none that a right names. */
const placeOf = (places: Places, name: unknown): string => places[String(name)] ?? `unknown: ${String(name)}`;
