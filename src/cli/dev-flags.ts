/** What the `dev` command takes beside all flags of `run`. */
import * as v from "valibot";
import { parseDuration } from "../config/duration.ts";
import { duration, text } from "../config/field.ts";
import type { FlagDefs } from "../config/flags.ts";
import type { Scanned } from "./scan.ts";

export interface DevFlags {
  readonly prompts: readonly string[];
  readonly assignmentFiles: readonly string[];
  /** 0: any free one. */
  readonly port: number;
  readonly exitWhenDone: boolean;
  readonly dropEveryMs: number | null;
  readonly freezeMs: number | null;
  readonly refuseStatus: number | null;
}

export const DEV_FLAGS = {
  prompt: {
    type: "string",
    multiple: true,
    valueHint: "TEXT",
    description: "Run a task with this prompt (repeatable)",
    schema: text,
  },
  assignment: {
    type: "string",
    multiple: true,
    valueHint: "FILE",
    description: "Run the assignment in this JSON file (repeatable; the flag's name may be left out)",
    schema: text,
  },
  port: {
    type: "string",
    valueHint: "N",
    description: "Port of the local control plane on 127.0.0.1 (default: any free one)",
    schema: () => whole(0, 65535),
  },
  "exit-when-done": {
    type: "boolean",
    description:
      "Stop when all tasks have ended, or were handed over (command); exit status 1 when one failed",
  },
  "drop-every": {
    type: "string",
    valueHint: "DURATION",
    description: "Rehearse a bad network: cut the worker's connection this often",
    schema: span,
  },
  freeze: {
    type: "string",
    valueHint: "DURATION",
    description: "Rehearse a dead peer: stop answering on a connection this long after it began",
    schema: span,
  },
  refuse: {
    type: "string",
    valueHint: "STATUS",
    description: "Rehearse a refusal: answer each connect with this HTTP status",
    schema: () => whole(400, 599),
  },
} satisfies FlagDefs;

function whole(least: number, most: number) {
  const rule = `must be a whole number from ${least} to ${most}`;
  return v.pipe(v.number(rule), v.integer(rule), v.minValue(least, rule), v.maxValue(most, rule));
}

function span() {
  return v.pipe(
    duration(),
    v.check((value) => parseDuration(value) !== 0, "must be longer than 0s"),
  );
}

/** Of flags that `readFlagValues` has checked: a broken one is left out, its problem is told there. */
export function readDevFlags(scanned: Scanned, broken: ReadonlySet<string>): DevFlags {
  const all = (name: keyof typeof DEV_FLAGS) => (broken.has(name) ? [] : (scanned.values.get(name) ?? []));
  const number = (name: "port" | "refuse") => {
    const value = all(name).at(-1);
    return value === undefined ? null : Number(value);
  };
  const ms = (name: "drop-every" | "freeze") => {
    const value = all(name).at(-1);
    return value === undefined ? null : Math.ceil(parseDuration(value) ?? 0);
  };
  return {
    prompts: all("prompt"),
    assignmentFiles: [...all("assignment"), ...scanned.positionals],
    port: number("port") ?? 0,
    exitWhenDone: scanned.values.has("exit-when-done"),
    dropEveryMs: ms("drop-every"),
    freezeMs: ms("freeze"),
    refuseStatus: number("refuse"),
  };
}
