/** A log of which only the warnings are kept: what a part says at its start is what there is to find. */
import type { Fields, Logger } from "../logging/logger.ts";
import type { Finding } from "./finding.ts";

export interface Warning extends Pick<Finding, "detail" | "hint"> {}

export class WarningLog implements Logger {
  readonly warnings: Warning[];
  private readonly bound: Fields;

  constructor(bound: Fields = {}, warnings: Warning[] = []) {
    this.bound = bound;
    this.warnings = warnings;
  }

  debug(): void {}

  info(): void {}

  warn(message: string, fields: Fields = {}): void {
    const { hint, grant, ...others } = { ...this.bound, ...fields };
    const told = Object.entries(others).filter(([, value]) => value !== undefined);
    const words = told.map(([name, value]) => `${name} ${value}`).join(", ");
    const detail = words === "" ? message : `${message} (${words})`;
    const advice = hint ?? (grant === undefined ? undefined : `grant (RBAC): ${grant}`);
    this.warnings.push(advice === undefined ? { detail } : { detail, hint: String(advice) });
  }

  error(message: string, fields?: Fields): void {
    this.warn(message, fields);
  }

  with(fields: Fields): Logger {
    return new WarningLog({ ...this.bound, ...fields }, this.warnings);
  }
}
