/** Shows an operator how the tasks fare: one line per change here, a table in live-table.ts. */
import { type DevTask, isFinal } from "./tasks.ts";

export interface ViewOptions {
  /** Text as it is, newlines included. */
  readonly write: (text: string) => void;
  /** Of the terminal, if it is one. */
  readonly size: () => { readonly columns: number; readonly rows: number };
  readonly tasks: () => readonly DevTask[];
}

export interface View {
  changed(task: DevTask): void;
  /** Leaves the terminal as it was found, the last state of the tasks on it. */
  close(): void;
}

export class PlainLines implements View {
  readonly #options: ViewOptions;
  /** Of each task the line last written: what changes nothing visible is not worth a line. */
  readonly #last = new Map<string, string>();

  constructor(options: ViewOptions) {
    this.#options = options;
  }

  changed(task: DevTask): void {
    const line = lineOf(task);
    if (this.#last.get(task.taskId) === line) return;
    if (isFinal(task.state)) this.#last.delete(task.taskId);
    else this.#last.set(task.taskId, line);
    this.#options.write(line);
  }

  close(): void {
    this.#last.clear();
  }
}

/** `task ID STATE "title": message` and a newline. */
export function lineOf(task: DevTask): string {
  const title = task.title === "" ? "" : ` "${printable(task.title)}"`;
  const cancelling = task.cancelRequested && !isFinal(task.state) ? " (cancel requested)" : "";
  const message = task.message === null ? "" : `: ${printable(task.message)}`;
  return `task ${printable(task.taskId)} ${task.state}${cancelling}${title}${message}\n`;
}

/** Titles and messages come from elsewhere: none of them moves the cursor, or turns the text after it around. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, " ");
}
