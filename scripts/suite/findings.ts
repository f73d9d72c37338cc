/**
 * What a run has to say once more at its end, where a log of thousands of lines is read first, and where
 * one that is cut is still whole.
 */
import type { Failure } from "./junit.ts";

export class Findings {
  readonly #failed: string[] = [];
  readonly #unsteady: string[] = [];

  failed(what: string): void {
    this.#failed.push(what);
  }

  unsteady(what: string): void {
    this.#unsteady.push(what);
  }

  failedTests(failures: readonly Failure[]): void {
    this.#failed.push(...failures.map(renderFailure));
  }

  /** Failed, and passed when they ran again by themselves: no reason for a red run, and one to look. */
  unsteadyTests(failures: readonly Failure[]): void {
    this.#unsteady.push(...failures.map(renderFailure));
  }

  /** Lines, each with its newline; empty when there is nothing to say. */
  render(): string {
    return [
      ...this.#unsteady.map((what) => `UNSTEADY  ${what}\n`),
      ...this.#failed.map((what) => `FAILED    ${what}\n`),
    ].join("");
  }
}

function renderFailure({ file, name, message }: Failure): string {
  return `${file}: ${name}${message === "" ? "" : `: ${message}`}`;
}
