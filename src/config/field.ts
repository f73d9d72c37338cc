/**
 * The kinds of value a config file holds. Messages are predicates ("must be ..."): the reader puts
 * the key or the flag in front.
 */
import * as v from "valibot";
import { ADDRESS, ADDRESS_RULE, parseAddress } from "./address.ts";
import {
  EITHER_DURATION,
  GO_DURATION,
  HUMANTIME,
  parseDuration,
  parseGoDuration,
  parseHumantime,
} from "./duration.ts";
import { VARIABLE_NAME, VARIABLE_NAME_RULE } from "./environment.ts";
import { VOLUME, VOLUME_RULE, volumeProblem } from "./volume.ts";

/** What a setting says of itself beside its type; flags, help and docs are made from it. */
export interface SettingInfo {
  /** The flag of the same meaning, without its dashes. */
  readonly flag?: string;
  /** How the value is called in help and docs. */
  readonly valueHint?: string;
  /** True: nothing at or below this key is ever shown. */
  readonly secret?: true;
  /** What holds without the key where no plain default does. */
  readonly otherwise?: string;
  readonly maxProperties?: number;
}

export function setting<const S extends v.GenericSchema>(schema: S, text: string, info: SettingInfo = {}) {
  return v.pipe(schema, v.description(text), v.metadata({ ...info }));
}

const EMPTY = "must not be empty";

export function text() {
  return v.pipe(
    v.string("must be text"),
    v.nonEmpty(EMPTY),
    v.check((value) => !value.includes("\0"), "must not contain a NUL character"),
  );
}

/** One that is made when it is not there: a shell leaves `--state-dir=~/x` alone, and that made a folder named `~`. */
export function folder() {
  const rule = 'must be a path that does not start with "~", which only a shell knows';
  return v.pipe(text(), v.regex(/^[^~]/, rule));
}

export function flagged() {
  return v.boolean("must be true or false");
}

export function count(least: number) {
  const rule = `must be a whole number of ${least} or more`;
  return v.pipe(v.number(rule), v.integer(rule), v.minValue(least, rule));
}

/**
 * Of processors, or in GiB. An engine has its containers use 0.01 of a processor and 6 MB at least, and counts in whole
 * numbers of 64 bits. What is near nothing, or near infinity, would come to it as no limit at all.
 */
export function amount() {
  const rule = "must be 0 or a number from 0.01 to 1000000";
  return v.pipe(
    v.number(rule),
    v.minValue(0, rule),
    v.maxValue(1_000_000, rule),
    v.check((value) => value === 0 || value >= 0.01, rule),
  );
}

export function image() {
  const rule = "must be an image name without white space";
  return v.pipe(v.string(rule), v.regex(/^\S+$/, rule));
}

export function goDuration() {
  const rule = 'must be a duration such as "30s" or "1m30s"';
  return v.pipe(
    v.string(rule),
    v.check((value) => parseGoDuration(value) !== null, rule),
    v.metadata({ pattern: GO_DURATION }),
  );
}

export function humantime() {
  const rule = 'must be a duration such as "45m", "1h 30m" or "0s"';
  return v.pipe(
    v.string(rule),
    v.check((value) => parseHumantime(value) !== null, rule),
    v.metadata({ pattern: HUMANTIME }),
  );
}

/** A timer can wait for 20 hours more, so that what is added to a setting fits: one that was over once fired at once. */
const LONGEST_MS = 24 * 24 * 60 * 60 * 1_000;

export function duration() {
  const rule = 'must be a duration of at most 24 days such as "10s", "1m30s" or "2days"';
  return v.pipe(
    v.string(rule),
    v.check((value) => (parseDuration(value) ?? Number.POSITIVE_INFINITY) <= LONGEST_MS, rule),
    v.metadata({ pattern: EITHER_DURATION }),
  );
}

/** Compared with a date, never waited for, so no timer bounds it. */
export function age() {
  const rule = 'must be a duration such as "12h" or "7days"';
  return v.pipe(
    v.string(rule),
    v.check((value) => parseDuration(value) !== null, rule),
    v.metadata({ pattern: EITHER_DURATION }),
  );
}

/**
 * Kubernetes' own rule, so that no Job is refused for it; signed ones are of no use here.
 * Source: k8s.io/apimachinery/pkg/api/resource/quantity.go.
 */
const QUANTITY = "^(\\d+\\.?\\d*|\\.\\d+)(Ki|Mi|Gi|Ti|Pi|Ei|n|u|m|k|M|G|T|P|E|[eE][+-]?\\d+)?$";

export function quantity() {
  const rule = 'must be a quantity such as "10Gi", "500m" or "0.5"';
  return v.pipe(v.string(rule), v.regex(new RegExp(QUANTITY), rule));
}

export function volume() {
  return v.pipe(
    v.string(VOLUME_RULE),
    v.check(
      (spec) => volumeProblem(spec) === null,
      (issue) => volumeProblem(issue.input) ?? "",
    ),
    v.metadata({ pattern: VOLUME }),
  );
}

export function address() {
  return v.pipe(
    v.string(ADDRESS_RULE),
    v.regex(new RegExp(ADDRESS), ADDRESS_RULE),
    v.check((value) => parseAddress(value) !== null, ADDRESS_RULE),
  );
}

export function textMap() {
  return v.record(v.pipe(v.string(), v.nonEmpty("must not have an empty key")), v.string("must be text"));
}

/** Whatever stands there is someone else's to check. */
export function anyMap() {
  return v.record(v.string(), v.unknown(), "must be a mapping");
}

export function environment() {
  const entry = v.strictObject(
    {
      name: setting(
        v.pipe(
          v.string(VARIABLE_NAME_RULE),
          v.regex(new RegExp(VARIABLE_NAME), VARIABLE_NAME_RULE),
          v.check((name) => !name.includes("\0"), VARIABLE_NAME_RULE),
        ),
        "The variable's name",
        { valueHint: "NAME" },
      ),
      value: v.optional(
        setting(
          v.pipe(
            v.string("must be text"),
            v.check((value) => !value.includes("\0"), "must not contain a NUL character"),
          ),
          "Its value; left out, the worker's own value is passed through (empty when it has none)",
          { valueHint: "TEXT" },
        ),
      ),
    },
    "must be a mapping with name and value",
  );
  return v.optional(
    setting(
      v.array(entry, "must be a list of mappings with name and value"),
      "Variables for every task, over the assignment's own; -e wins over them",
      { secret: true },
    ),
    [],
  );
}
