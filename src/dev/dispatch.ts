/** Brings tasks to workers: offers what is queued, follows what they answer, passes cancellations on. */
import type { Assignment } from "./assignment-of.ts";
import { type Frame, isTerminal } from "./frame-log.ts";
import type { Link, Links } from "./links.ts";
import { type DevTask, isFinal, type TaskBook } from "./tasks.ts";

/** What became of a wish to cancel. */
export type CancelResult = "unknown" | "ended" | "requested";

export class Dispatcher {
  readonly #book: TaskBook;
  readonly #links: Links;
  readonly #reofferDelayMs: number;
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  #queue: string[] = [];

  constructor(book: TaskBook, links: Links, reofferDelayMs: number) {
    this.#book = book;
    this.#links = links;
    this.#reofferDelayMs = reofferDelayMs;
  }

  submit(assignment: Assignment): DevTask {
    const task = this.#book.add(assignment);
    this.#queue.push(task.taskId);
    this.#offer();
    return this.#book.get(task.taskId) ?? task;
  }

  /** A task that no worker has is cancelled here and now; else the worker's word decides. */
  cancel(taskId: string): CancelResult {
    const task = this.#book.get(taskId);
    if (!task) return "unknown";
    if (isFinal(task.state)) return "ended";
    const requested = this.#book.update(task, { cancelRequested: true });
    if (task.state === "queued" || task.state === "rejected") this.#cancelHere(requested);
    else this.#sendCancellation(requested);
    return "requested";
  }

  onLinkOpened(link: Link): void {
    // Which of the claimed tasks this worker has is not known before it reports; it ignores the others.
    for (const task of this.#book.open()) {
      if (task.cancelRequested && task.state === "claimed" && task.connection === null) {
        link.send("task_cancellation", { task_id: task.taskId });
      }
    }
    this.#offer();
  }

  onLinkClosed(link: Link): void {
    const lost = this.#book.open().filter((task) => task.connection === link.number);
    const unclaimed = lost.filter((task) => task.state === "assigned");
    this.#queue.unshift(...unclaimed.filter((task) => !task.cancelRequested).map((task) => task.taskId));
    for (const task of lost) {
      if (task.state === "claimed") this.#book.update(task, { connection: null });
      else if (task.cancelRequested) this.#cancelHere(task);
      else this.#book.update(task, { state: "queued", connection: null });
    }
    this.#offer();
  }

  onFrame(link: Link, frame: Frame): void {
    const before = frame.taskId === null ? undefined : this.#book.get(frame.taskId);
    const task = this.#book.apply(frame);
    if (!before || !task) return;
    if (frame.type === "task_claimed" && task.state === "cancelled") {
      // Cancelled while nobody was known to have it: the worker's claim had been lost.
      link.send("task_cancellation", { task_id: task.taskId });
    } else if (before.state !== "rejected" && task.state === "rejected") {
      if (task.cancelRequested) this.#cancelHere(task);
      else this.#reofferLater(task.taskId);
    } else if (isTerminal(frame) && before.state === "queued") {
      this.#queue = this.#queue.filter((taskId) => taskId !== task.taskId);
    }
  }

  stop(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }

  #offer(): void {
    while (this.#queue.length > 0) {
      const link = this.#links.next();
      if (!link) return;
      const taskId = this.#queue.shift();
      const task = taskId === undefined ? undefined : this.#book.get(taskId);
      // Cancelled, or claimed on a new connection before it could be offered again.
      if (task?.state !== "queued") continue;
      this.#book.update(task, { state: "assigned", connection: link.number, message: null });
      link.send("task_assignment", task.assignment);
    }
  }

  #reofferLater(taskId: string): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      const task = this.#book.get(taskId);
      if (task?.state !== "rejected") return;
      this.#book.update(task, { state: "queued" });
      this.#queue.push(taskId);
      this.#offer();
    }, this.#reofferDelayMs);
    this.#timers.add(timer);
  }

  #cancelHere(task: DevTask): void {
    this.#book.update(task, {
      state: "cancelled",
      connection: null,
      message: "Cancelled before a worker had it",
    });
  }

  #sendCancellation(task: DevTask): void {
    const owner = task.connection === null ? undefined : this.#links.get(task.connection);
    for (const link of owner ? [owner] : this.#links.open) {
      link.send("task_cancellation", { task_id: task.taskId });
    }
  }
}
