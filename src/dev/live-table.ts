/**
 * The live table: pinned to the bottom rows of a terminal while the worker, which writes to the same
 * terminal by itself, scrolls above it. A scroll region does that; redrawing over the last lines would
 * overwrite the worker's log.
 */
import { type DevTask, isFinal } from "./tasks.ts";
import { lineOf, printable, type View, type ViewOptions } from "./view.ts";

const REFRESH_MS = 1_000;
/** Below this many rows a table leaves no room for the log, and lines are written instead. */
const SMALLEST_TERMINAL_ROWS = 10;
const HEADER = { id: "TASK", state: "STATE", age: "AGE", text: "TITLE / MESSAGE" };

const ESC = "\u001b";
const SAVE_CURSOR = `${ESC}7`;
const RESTORE_CURSOR = `${ESC}8`;
const WHOLE_SCREEN = `${ESC}[r`;
const CLEAR_LINE = `${ESC}[2K`;
/** A letter of Chinese or Japanese, and many a picture, is two columns wide: a row of them went on in the log. */
const CUT_AT_THE_EDGE = `${ESC}[?7l`;
const WRAP = `${ESC}[?7h`;
const DIM = `${ESC}[2m`;
const PLAIN = `${ESC}[0m`;

export class LiveTable implements View {
  readonly #options: ViewOptions;
  readonly #timer: ReturnType<typeof setInterval>;
  /** Rows that the table has now; 0 before its first task. */
  #height = 0;
  #screenRows = 0;
  #drawScheduled = false;

  constructor(options: ViewOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#draw(), REFRESH_MS);
  }

  changed(task: DevTask): void {
    if (this.#options.size().rows < SMALLEST_TERMINAL_ROWS) {
      this.#options.write(lineOf(task));
      return;
    }
    // A burst of changes is one picture.
    if (this.#drawScheduled) return;
    this.#drawScheduled = true;
    queueMicrotask(() => {
      this.#drawScheduled = false;
      this.#draw();
    });
  }

  close(): void {
    clearInterval(this.#timer);
    this.#drawScheduled = true;
    if (this.#height === 0) return;
    const top = this.#screenRows - this.#height + 1;
    const blank = Array.from({ length: this.#height }, (_, row) => `${goTo(top + row)}${CLEAR_LINE}`).join(
      "",
    );
    this.#options.write(`${WHOLE_SCREEN}${blank}${goTo(top)}${this.#options.tasks().map(lineOf).join("")}`);
  }

  #draw(): void {
    const { columns, rows } = this.#options.size();
    const tasks = this.#options.tasks();
    if (tasks.length === 0 || rows < SMALLEST_TERMINAL_ROWS) return;
    const shown = mostInteresting(tasks, Math.floor(rows / 2) - 1);
    const lines = [headerRow(tasks, columns), ...shown.map((task) => taskRow(task, columns, Date.now()))];
    // One write, so that a line of the worker's cannot come in the middle.
    const top = rows - lines.length + 1;
    const body = lines.map((line, row) => `${goTo(top + row)}${CLEAR_LINE}${line}`).join("");
    this.#options.write(
      `${this.#makeRoom(lines.length, rows)}${SAVE_CURSOR}${CUT_AT_THE_EDGE}${body}${WRAP}${RESTORE_CURSOR}`,
    );
  }

  /** Shrinks the region that scrolls; what stands where the table will be is scrolled up first. */
  #makeRoom(height: number, rows: number): string {
    if (height <= this.#height && rows === this.#screenRows) {
      const unused = Array.from({ length: this.#height - height }, (_, row) => {
        return `${goTo(rows - this.#height + 1 + row)}${CLEAR_LINE}`;
      });
      // The region stays as it is: growing it again would leave a hole in the log.
      return unused.length > 0 ? `${SAVE_CURSOR}${unused.join("")}${RESTORE_CURSOR}` : "";
    }
    const before = rows === this.#screenRows ? this.#height : 0;
    const scroll = `${goTo(rows - before)}${"\n".repeat(height - before)}`;
    this.#height = height;
    this.#screenRows = rows;
    return `${scroll}${ESC}[1;${rows - height}r${goTo(rows - height)}`;
  }
}

function goTo(row: number): string {
  return `${ESC}[${Math.max(1, row)};1H`;
}

/** Those that still go on before those that ended, the newest of each; in the order of submission. */
function mostInteresting(tasks: readonly DevTask[], count: number): readonly DevTask[] {
  if (tasks.length <= count) return tasks;
  const open = tasks.filter((task) => !isFinal(task.state)).slice(-count);
  const ended = tasks.filter((task) => isFinal(task.state));
  const chosen = new Set([...open, ...ended.slice(ended.length - (count - open.length))]);
  return tasks.filter((task) => chosen.has(task));
}

function headerRow(tasks: readonly DevTask[], columns: number): string {
  const ended = tasks.filter((task) => isFinal(task.state)).length;
  const row = `${columnsOf(HEADER.id, HEADER.state, HEADER.age)}${HEADER.text}  (${ended} of ${tasks.length} ended)`;
  return `${DIM}${row.slice(0, columns)}${PLAIN}`;
}

function taskRow(task: DevTask, columns: number, now: number): string {
  const age = ageOf((isFinal(task.state) ? task.changedAt : now) - task.createdAt);
  const state = task.cancelRequested && !isFinal(task.state) ? "cancelling" : task.state;
  const text = [task.title, task.message ?? ""].filter((part) => part !== "").join(" / ");
  return `${columnsOf(printable(task.taskId).slice(0, 8), state, age)}${printable(text)}`.slice(0, columns);
}

function columnsOf(id: string, state: string, age: string): string {
  return `${id.padEnd(10)}${state.padEnd(12)}${age.padStart(7)}  `;
}

function ageOf(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60
    ? `${minutes}m${String(seconds % 60).padStart(2, "0")}s`
    : `${Math.floor(minutes / 60)}h${minutes % 60}m`;
}
