/** What a rule of the gate is, and what it answers. */
import type { Tree } from "./tree.ts";

export interface Finding {
  /** Path from the root of the repository. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly what: string;
  readonly todo: string;
  /** The function or name it is about, where a file can hold several of the same kind. */
  readonly symbol?: string;
  /** The size that was measured, for rules about sizes. */
  readonly size?: number;
}

/** Said aloud: the rule could not be applied here, which is neither good nor bad. */
export interface Skip {
  readonly skipped: string;
}

export interface Rule {
  /** Kebab-case; the exceptions table speaks of a rule by this name. */
  readonly name: string;
  /** What holds when the rule is kept, as one line. */
  readonly about: string;
  check(tree: Tree): Finding[] | Skip | Promise<Finding[] | Skip>;
}

export interface Exception {
  readonly rule: string;
  readonly file: string;
  /** Only findings about this symbol; any when left out. */
  readonly symbol?: string;
  /** Sizes up to this one; any when left out. */
  readonly upTo?: number;
  readonly reason: string;
}

export function renderFinding(finding: Finding): string {
  return `${finding.file}:${finding.line}: ${finding.what}; ${finding.todo}`;
}
