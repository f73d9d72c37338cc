/** The findings as they are told: in lines as they come, or in one JSON object at the end. */
import { BUILD } from "../build-info.ts";
import { visible } from "../logging/logger.ts";
import type { Redact } from "../logging/redact.ts";
import { CHECKS, type Finding, type Status } from "./finding.ts";

const STATUS_WIDTH = 4;
const NAME_WIDTH = Math.max(...CHECKS.map((name) => name.length));
const GAP = "  ";
const INDENT = " ".repeat(STATUS_WIDTH + NAME_WIDTH + 2 * GAP.length);

export interface ReportOptions {
  readonly json: boolean;
  readonly redact: Redact;
  readonly write: (text: string) => void;
}

export class Report {
  private readonly options: ReportOptions;
  private readonly findings: Finding[] = [];

  constructor(options: ReportOptions) {
    this.options = options;
  }

  add(found: Finding): void {
    const { json, redact, write } = this.options;
    const { hint } = found;
    const clean = {
      ...found,
      detail: redact(found.detail),
      ...(hint === undefined ? {} : { hint: redact(hint) }),
    };
    this.findings.push(clean);
    if (!json) write(`${linesOf(clean)}\n`);
  }

  /** True: nothing would keep the worker from working. */
  finish(): boolean {
    const { json, write } = this.options;
    const ok = this.count("fail") === 0;
    const all = { version: BUILD.version, checks: this.findings, ok };
    write(`${json ? visible(JSON.stringify(all)) : this.summary()}\n`);
    return ok;
  }

  private summary(): string {
    const [warnings, skipped] = [this.count("warn"), this.count("skip")];
    const counts = [
      `${this.count("ok")} ok`,
      `${warnings} ${warnings === 1 ? "warning" : "warnings"}`,
      `${this.count("fail")} failed`,
    ];
    return [...counts, ...(skipped === 0 ? [] : [`${skipped} skipped`])].join(", ");
  }

  private count(status: Status): number {
    return this.findings.filter((found) => found.status === status).length;
  }
}

/** Others' words among them do not move the cursor, nor begin a line of their own. */
function linesOf({ name, status, detail, hint }: Finding): string {
  const line = `${status.padEnd(STATUS_WIDTH)}${GAP}${name.padEnd(NAME_WIDTH)}${GAP}${visible(detail)}`;
  return hint === undefined ? line : `${line}\n${INDENT}${visible(hint)}`;
}
