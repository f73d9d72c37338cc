/** What a check found out. */

/** In the order in which they are looked at. */
export const CHECKS = [
  "configuration",
  "api-key",
  "state-folder",
  "control-plane",
  "delivery",
  "backend",
  "workspaces",
  "metrics",
  "traces",
  "health",
] as const;
export type CheckName = (typeof CHECKS)[number];

/**
 * `warn`: the worker works, if not as well as it could; `fail`: it does not; `skip`: something before it failed, so
 * that it could not be looked at.
 */
export type Status = "ok" | "warn" | "fail" | "skip";

export interface Finding {
  readonly name: CheckName;
  readonly status: Status;
  readonly detail: string;
  /** What to do. */
  readonly hint?: string;
}

/**
 * An error's text says what is wrong, and after a semicolon what to do. Where there is more than one, nobody can tell
 * which it is, and the text stays whole.
 */
export function splitAdvice(text: string): Pick<Finding, "detail" | "hint"> {
  const [detail = "", hint, ...more] = text.split("; ");
  return hint === undefined || more.length > 0 ? { detail: text } : { detail, hint };
}
