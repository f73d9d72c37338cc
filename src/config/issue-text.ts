/** A valibot issue in words for the operator: a predicate that follows the name of a key or flag. */
import type * as v from "valibot";
import { suggestion } from "./nearest.ts";

/** With what was given, unless that may be a secret. */
export function issueText(issue: v.BaseIssue<unknown>, secret: boolean): string {
  if (isMissing(issue)) return "is required";
  const options = issue.type === "picklist" ? optionsOf(issue) : null;
  const rule = options === null ? ruleOf(issue) : `must be one of ${options.join(", ")}`;
  if (secret || issue.input === "") return rule;
  // One that forbids was followed by "not", too: a mapping "must not have the key "request", not a mapping".
  if (rule.startsWith("must not "))
    return typeof issue.input === "string" ? `${rule}; it is ${shown(issue.input)}` : rule;
  const guess = options !== null && typeof issue.input === "string" ? suggestion(issue.input, options) : "";
  return `${rule}, not ${shown(issue.input)}${guess}`;
}

function isMissing(issue: v.BaseIssue<unknown>): boolean {
  return issue.kind === "schema" && issue.type === "strict_object" && issue.received === "undefined";
}

/** valibot's own texts ("Invalid type: ...") speak to programmers; ours never start that way. */
function ruleOf(issue: v.BaseIssue<unknown>): string {
  if (!issue.message.startsWith("Invalid ")) return issue.message;
  return issue.expected === "Object" ? "must be a mapping" : "must be something else";
}

/** A picklist's `expected` is `("a" | "b")`. */
function optionsOf(issue: v.BaseIssue<unknown>): readonly string[] {
  return (issue.expected ?? "").replace(/[()"]/g, "").split(" | ");
}

function shown(value: unknown): string {
  if (typeof value === "string")
    return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}...` : value);
  if (Array.isArray(value)) return "a list";
  if (value === null) return "nothing";
  return typeof value === "object" ? "a mapping" : String(value);
}
