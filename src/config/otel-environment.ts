/** OpenTelemetry's variables, read by its rules: an empty one is unset, and names and choices are told in lower case. */

import { wordsOf } from "../logging/words-of.ts";
import { LONGEST_TIMER_MS } from "./duration.ts";
import { grpcProxy } from "./grpc-proxy.ts";
import type { HostEnvironment } from "./host-environment.ts";
import { decoded } from "./host-secrets.ts";

export class OtelEnvironment {
  /** What makes a start impossible. */
  readonly problems: string[] = [];
  /** What is ignored, by the specification's own rule that it be ignored with a warning. */
  readonly warnings: string[] = [];
  private readonly env: HostEnvironment;

  constructor(env: HostEnvironment) {
    this.env = env;
  }

  text(name: string): string | null {
    const value = this.env[name]?.trim() ?? "";
    return value === "" ? null : value;
  }

  /** The first of several that is set, with its name. */
  first(...names: readonly string[]): { readonly name: string; readonly value: string } | null {
    for (const name of names) {
      const value = this.text(name);
      if (value !== null) return { name, value };
    }
    return null;
  }

  /** One of a few words; another one is a problem that names them. */
  choice<const C extends string>(names: readonly string[], choices: readonly C[], fallback: C): C {
    return this.chosen(names, choices, fallback, (why) => this.problems.push(why));
  }

  /** The same of what changes only how things are told: another word is ignored, as others know more of them. */
  preference<const C extends string>(names: readonly string[], choices: readonly C[], fallback: C): C {
    return this.chosen(names, choices, fallback, (why) =>
      this.warnings.push(`${why}; it is taken as ${fallback}`),
    );
  }

  /** Several words between commas; `none` stands alone and means an empty list. */
  choices<const C extends string>(name: string, choices: readonly C[], fallback: readonly C[]): readonly C[] {
    const given = this.text(name);
    if (given === null) return fallback;
    const words = given.split(",").map((word) => word.trim().toLowerCase());
    if (words.includes("none")) {
      if (words.length > 1)
        this.problems.push(`${name} holds "none" beside others; give it alone, or leave it out`);
      return [];
    }
    const chosen = choices.filter((choice) => words.includes(choice));
    const wrong = words.find((word) => !choices.some((choice) => choice === word));
    if (wrong !== undefined) this.problems.push(noneOf(name, wrong, [...choices, "none"]));
    return chosen;
  }

  /** Above 0, or `least` where that is given. */
  number(names: readonly string[], fallback: number, least = Number.MIN_VALUE): number {
    const given = this.first(...names);
    if (given === null) return fallback;
    const value = Number(given.value);
    if (Number.isFinite(value) && value >= least) return value;
    this.warnings.push(`${given.name} is no number that can be used; ${fallback} holds`);
    return fallback;
  }

  /**
   * A time in ms, of at least 1. Who wants "practically never" writes a huge number, which a timer would
   * take for at once, so it becomes the longest that there is.
   */
  milliseconds(names: readonly string[], fallback: number): number {
    return Math.min(this.number(names, fallback, 1), LONGEST_TIMER_MS);
  }

  /** `name=value,name=value`, values percent-encoded; a name that does not fit `names` is none. Neither is shown. */
  pairs(name: string, names = /./): Readonly<Record<string, string>> {
    const pairs: Record<string, string> = {};
    for (const pair of (this.text(name) ?? "").split(",")) {
      if (pair.trim() === "") continue;
      const cut = pair.indexOf("=");
      const key = pair.slice(0, Math.max(0, cut)).trim();
      if (!names.test(decoded(key)))
        this.warnings.push(`${name} holds something that is not name=value; it is left out`);
      else pairs[decoded(key)] = decoded(pair.slice(cut + 1).trim());
    }
    return pairs;
  }

  /** A variable that is no proxy is ignored: whoever runs the worker hears of it from the link, too. */
  grpcProxy(endpoint: string): string | null {
    try {
      return grpcProxy(endpoint, this.env);
    } catch (error) {
      this.warnings.push(wordsOf(error));
      return null;
    }
  }

  private chosen<const C extends string>(
    names: readonly string[],
    choices: readonly C[],
    fallback: C,
    tell: (why: string) => void,
  ): C {
    const given = this.first(...names);
    if (given === null) return fallback;
    const chosen = choices.find((choice) => choice === given.value.toLowerCase());
    if (chosen === undefined) tell(noneOf(given.name, given.value, choices));
    return chosen ?? fallback;
  }
}

function noneOf(name: string, value: string, choices: readonly string[]): string {
  return `${name} is ${JSON.stringify(value)}, which is none of ${choices.join(", ")}`;
}
