/** What a command of `lepta` is made of, and what it is given to work with. */

/** One of `--max <amount>`, or, without a value, a switch such as `--show`. */
export interface CommandOption {
  /** Without the dashes. */
  readonly name: string;
  readonly short?: string;
  /** What stands after it, for the help: `amount`. A switch has none. */
  readonly value?: string;
  readonly summary: string;
  readonly isRequired?: boolean;
  /** Whether it may be given several times, such as a header: `options` has them all. */
  readonly isRepeated?: boolean;
}

export interface CommandArgument {
  readonly name: string;
  readonly isOptional?: boolean;
}

export interface Command {
  /** As it is typed: `wallet buy`. */
  readonly name: string;
  /** One line of the list of commands. */
  readonly summary: string;
  /** What it does and what one should know, in paragraphs. */
  readonly help: string;
  /** Command lines that work when they are pasted. */
  readonly examples: readonly string[];
  readonly arguments?: readonly CommandArgument[];
  readonly options?: readonly CommandOption[];
  /**
   * Does it. What it returns is printed; a command that goes on after it has something to say, such as a server, says it with
   * `tell` and returns nothing. What is thrown is explained and becomes the exit status.
   */
  readonly run: (context: Context) => Promise<Answer | undefined>;
}

/** What a command has to say: to people, and to programs as one JSON document. */
export interface Answer {
  readonly lines: readonly string[];
  readonly json: object;
  /** Said on standard error, beside what standard output is for: how much the goods that stand there have cost. */
  readonly asides?: readonly string[];
  /** In place of the lines, as they are: goods, a receipt. */
  readonly bytes?: Uint8Array;
  /** 0 where nothing is said. */
  readonly status?: number;
}

export interface Clock {
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Does something later, unless it is called off; a process that waits for it goes on. */
  readonly later: (milliseconds: number, work: () => void) => () => void;
}

/** Resolves when it is written; rejects where nobody reads any more. */
export type Writer = (text: string | Uint8Array) => Promise<void>;

/** What the process has. */
export interface Io {
  readonly stdout: Writer;
  readonly stderr: Writer;
  /** All that comes on standard input. Throws a `Fault` beyond so many bytes. */
  readonly stdin: (most: number) => Promise<Uint8Array>;
  /** Asks without showing what is typed; undefined where nobody is there to answer. */
  readonly askSecret: ((question: string) => Promise<string>) | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** The user's home directory. */
  readonly userHome: string;
  readonly clock: Clock;
  /** Whether people look at standard output, and at standard error. */
  readonly isTerminal: { readonly stdout: boolean; readonly stderr: boolean };
  /** Aborted by Ctrl-C and by whoever ends the process in good order. */
  readonly signal: AbortSignal;
}

/** What a command is given. */
export interface Context extends Io {
  /** Lepta's directory: `--home`, `$LEPTA_HOME`, `.lepta` here, or `~/.lepta`. */
  readonly home: string;
  /** Whether standard output is for one JSON document and nothing else. */
  readonly json: boolean;
  /** Whether standard output takes colours. */
  readonly isColor: boolean;
  /** The argument of this name; undefined where an optional one is not there. */
  argument(name: string): string | undefined;
  /** The value of this option. */
  option(name: string): string | undefined;
  /** The values of an option that may be given several times. */
  options(name: string): readonly string[];
  flag(name: string): boolean;
  /** Says something now; once at most. */
  tell(answer: Answer): Promise<void>;
  /** Waits for something that may take longer than a second, and says then what is waited for. */
  during<T>(what: string, work: Promise<T>): Promise<T>;
}
