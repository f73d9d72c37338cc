/**
 * The worker's log: one line per event, a constant message plus fields. Text for
 * people, JSON for machines.
 */
import { type ConsolaInstance, createConsola, LogLevels, type LogObject } from "consola/core";
import { Secrets } from "./secrets.ts";

export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export const LOG_FORMATS = ["text", "json"] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

/** Never a payload, an environment or a token: names, ids, counts and other people's error words. */
export type Fields = Readonly<Record<string, string | number | boolean | null | undefined>>;

export interface Logger {
  debug(message: string, fields?: Fields): void;
  info(message: string, fields?: Fields): void;
  warn(message: string, fields?: Fields): void;
  error(message: string, fields?: Fields): void;
  /** The same log with these fields on every line. */
  with(fields: Fields): Logger;
}

export interface LoggerOptions {
  readonly level: LogLevel;
  readonly format: LogFormat;
  /** Where a finished line goes, newline included. */
  readonly write: (line: string) => void;
  /** What no line may hold; nothing unless told. */
  readonly secrets?: Secrets;
}

export function createLogger(options: LoggerOptions): Logger {
  const render = options.format === "json" ? renderJson : renderText;
  const secrets = options.secrets ?? new Secrets();
  let sink: ConsolaInstance | null = null;
  // With the first line, for which a start does not wait.
  const open = () => {
    sink ??= createConsola({
      level: LogLevels[options.level],
      // The reporter below does all the formatting; consola would otherwise swallow repeated lines,
      // and two tasks that end alike are two events.
      throttle: 0,
      reporters: [{ log: (entry) => options.write(`${render(redacted(entry, secrets))}\n`) }],
    });
    return sink;
  };
  return bind(open, {});
}

function bind(sink: () => ConsolaInstance, bound: Fields): Logger {
  return {
    debug: (message, fields) => sink().debug(message, { ...bound, ...fields }),
    info: (message, fields) => sink().info(message, { ...bound, ...fields }),
    warn: (message, fields) => sink().warn(message, { ...bound, ...fields }),
    error: (message, fields) => sink().error(message, { ...bound, ...fields }),
    with: (fields) => bind(sink, { ...bound, ...fields }),
  };
}

/** Names and closed words, by which lines are found and joined: a value that equals one changes none of them. */
const IDENTITIES: ReadonlySet<string> = new Set([
  "taskId",
  "executionId",
  "workerId",
  "backend",
  "result",
  "reason",
]);

/** Nobody's id is as long as this; each line about a task would be as long as an id of a megabyte. */
const LONGEST_ID = 512;

function shortened(id: string): string {
  return id.length <= LONGEST_ID ? id : `${id.slice(0, LONGEST_ID)}... (${id.length} characters)`;
}

interface Entry extends LogObject {
  readonly args: [message: string, fields: Fields];
}

/** Before it is written as JSON or in quotes, in which a secret would look different. */
function redacted(entry: LogObject, secrets: Secrets): Entry {
  const [message, fields] = entry.args as Entry["args"];
  const clean: Record<string, Fields[string]> = {};
  for (const [name, value] of Object.entries(fields)) {
    if (typeof value !== "string") clean[name] = value;
    else clean[name] = IDENTITIES.has(name) ? shortened(secrets.redactKeys(value)) : secrets.redact(value);
  }
  return { ...entry, args: [secrets.redactKeys(message), clean] };
}

function renderJson(entry: Entry): string {
  const [message, fields] = entry.args;
  const event = { time: entry.date.toISOString(), level: entry.type, message };
  // Twice: first for the order of the names, last so that no field can take the event's place.
  return visible(JSON.stringify({ ...event, ...fields, ...event }));
}

function renderText(entry: Entry): string {
  const [message, fields] = entry.args;
  let line = `${entry.date.toISOString()} ${entry.type.toUpperCase().padEnd(5)} ${visible(message)}`;
  for (const [name, value] of Object.entries(fields)) {
    if (value !== undefined) line += ` ${name}=${quoteWhereNeeded(String(value))}`;
  }
  return line;
}

/** A value with white space, quotes or control characters is shown as a JSON string: one event, one line. */
function quoteWhereNeeded(value: string): string {
  return /^[^\s"=\p{Cc}\p{Cf}]+$/u.test(value) ? value : visible(JSON.stringify(value));
}

/**
 * What is left raw by JSON, and yet obeyed by a terminal or a reader: DEL and the C1 controls (U+009B begins
 * a command of xterm's), marks that turn the direction of text or have no width, other ends of a line.
 */
export function visible(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) =>
    Array.from(character.split(""), (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`).join(
      "",
    ),
  );
}
