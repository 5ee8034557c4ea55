/** Every probability, size and duration of the simulation. Times in milliseconds. */

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** What befalls messages, each way. */
export const network = {
  drop: 0.008,
  duplicate: 0.01,
  /** A message that is held up, so that others overtake it. */
  delay: 0.015,
  latency: [1, 60],
  longDelay: [SECOND, 50 * SECOND],
  /** How long an asker waits for an answer: as the WebSocket channel and the HTTP transport do. */
  patience: 30 * SECOND,
  /** A connection that breaks where a message was lost, instead of only being silent. */
  breaks: 0.5,
  /** An end of a wire that broke hears of it at once, instead of after a long delay. */
  aware: 0.7,
} as const;

/** What befalls the broker's table. */
export const table = {
  busyBefore: 0.006,
  busyAfter: 0.012,
  movedBefore: 0.006,
  movedAfter: 0.012,
  busyRead: 0.002,
  /** A call that takes time, so that requests overtake each other between their reads and their writes. */
  slow: 0.08,
  slowness: [1, 80],
} as const;

/** A peer's store answers at once but for these. */
export const store = { slow: 0.02, slowness: [1, 20] } as const;

export const crash = {
  /** At any point that was crashed at already. */
  any: 0.0002,
  /** One point in so many is hunted in an episode: the first pass there is its last. */
  huntOneIn: 32,
  reopenAfter: [200, 30 * SECOND],
} as const;

export const clock = {
  startAt: Date.UTC(2027, 0, 1),
  /** Of a party's clock against the world's: two of them differ by less than the protocol's bound. */
  skew: 55 * SECOND,
  /** A jump forward, once in so many turns. */
  jump: 0.004,
  jumps: [10 * MINUTE, 3 * HOUR],
} as const;

export const episode = {
  purchases: 1000,
  customers: 20,
  merchants: 5,
  /** The part of the peers, rounded up, who are adversaries. */
  adversaries: 0.2,
  /** How often everybody comes to rest and the books are compared. */
  quiescences: 3,
  think: [100, 90 * SECOND],
  /** How many things one customer does at once. */
  hands: 2,
  noticeDelay: 4 * MINUTE,
  /** The most that one stretch between two quiescences may take, of virtual time. */
  stretch: 100 * 24 * HOUR,
  /** The most that coming to rest may take, of virtual time, and how many rounds. */
  rest: 20 * MINUTE,
  rounds: 6,
} as const;

export const adversaries = {
  /** An adversarial customer's turn is an attack this often. */
  attack: 0.3,
  /** What an adversarial merchant does with a frame that is not what it should. */
  twist: 0.06,
  /** Where the frame asks for VendorScrip. */
  twistObtain: 0.25,
  /** An answer of the broker that is taken for another. */
  intercept: 0.002,
  /** A message of a session that is left out, doubled, altered or an old one. */
  meddle: 0.001,
  /** A session that an adversarial merchant attends to by hand. */
  liarSession: 0.6,
  /** What it lies about then: whether it knows a lane and where it stands, an answer, a statement. */
  lieOpening: 0.08,
  lieItem: 0.15,
  /** A lie about what is metered that is about its charge. */
  lieCharge: 0.5,
  lieStatement: 0.35,
  /** A lane on which it proposes nothing at all. */
  silent: 0.4,
} as const;

/** Who has sessions, and what is bought in which mode. */
export const sessions = {
  /** An episode in which anybody has them, and a customer in such an episode who does. */
  episode: 0.85,
  customer: 0.8,
  /** Up to which price a merchant sells through lanes. */
  statementBelow: ["EUR 0.05", "EUR 0.05", "EUR 0.25", "EUR 0.03", "EUR 0"],
  liarBelow: "EUR 0.25",
  /** A purchase that is to be signed by itself, and one that is to be under a statement whatever the merchant offers. */
  each: 0.2,
  statement: 0.05,
  /** Purchases at once. */
  burst: [3, 24],
} as const;

export const goods = {
  /** A handler that fails, and charges nothing. */
  deliveryFails: 0.01,
  prices: ["EUR 0.01", "EUR 0.02", "EUR 0.05", "EUR 0.005"],
} as const;

/** What is metered: one unit costs so much, and one order is for a piece of at most so many. */
export const meter = {
  sku: "metered item",
  unit: "unit",
  price: "EUR 0.001",
  piece: 20,
  /** A piece whose use is known at once, and how long another is used: longer than other answers are waited for. */
  atOnce: 0.5,
  use: [0, 45 * SECOND],
  /** Pieces at once: each holds its lane. */
  pieces: [1, 3],
} as const;

export const schedule = {
  finish: 5 * MINUTE,
  rotate: HOUR,
  /** What was killed is called again after so long, and so often. */
  again: SECOND,
  attempts: 100,
} as const;

/** How VendorScrip and BrokerScrip live in an episode: one of each is drawn. */
export const scripLife = {
  vendor: [1.5 * HOUR, 12 * HOUR, 90 * 24 * HOUR],
  broker: [1.5 * HOUR, 6 * HOUR, 365 * 24 * HOUR],
} as const;

/** What the operator and the merchants set: short enough that much expires, is settled and reversed; one of each is drawn. */
export const policy = {
  holdTime: [20 * MINUTE, HOUR, 3 * 24 * HOUR],
  grace: [30 * MINUTE, 90 * 24 * HOUR],
  /** A merchant asks the broker so often who complains: often enough to answer within the shortest time. */
  tendEvery: [2 * MINUTE, 5 * MINUTE],
} as const;

/** For how long a merchant is gone. */
export const absences = [MINUTE, 15 * MINUTE, 30 * MINUTE] as const;

/** How long after the loss of a device it is restored: what it had sent has arrived or will never. */
export const lossPause = 2 * MINUTE;

/** How many times more often what a seeded fault favours is done. */
export const favoured = 12;

/** How often a failing episode is run again to make its history shorter. */
export const shrink = { reruns: 24, lines: 60 } as const;
