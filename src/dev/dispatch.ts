/** Brings tasks to workers: offers what is queued, follows what they answer, passes cancellations on. */
import type { Assignment } from "./assignment-of.ts";
import { type Frame, isTerminal } from "./frame-log.ts";
import type { Link, Links } from "./links.ts";
import { type DevTask, isFinal, type TaskBook } from "./tasks.ts";

/** What became of a wish to cancel. */
export type CancelResult = "unknown" | "ended" | "requested";

/** A worker's word for it: when one of its tasks has ended, it has room. */
const AT_CAPACITY = "worker at maximum concurrency";
/** Between two offers of a task that is rejected again and again: each is a few lines on the operator's terminal. */
const LONGEST_REOFFER_MS = 30_000;

export class Dispatcher {
  readonly #book: TaskBook;
  readonly #links: Links;
  /** After a first rejection; twice as long after each further one. */
  readonly #reofferDelayMs: number;
  /** Until each rejected task is offered again, by its id; the one that was rejected first is the first. */
  readonly #timers = new Map<string, ReturnType<typeof setTimeout>>();
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
    // What another worker, or the same one while it stopped, has turned down.
    for (const taskId of [...this.#timers.keys()]) this.#reoffer(taskId);
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
      else this.#reofferLater(task);
    } else if (isTerminal(frame)) {
      if (before.state === "queued") this.#queue = this.#queue.filter((taskId) => taskId !== task.taskId);
      this.#reofferWhereThereIsRoom();
    }
  }

  stop(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
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

  #reofferLater({ taskId, rejections }: DevTask): void {
    const longestMs = Math.max(LONGEST_REOFFER_MS, this.#reofferDelayMs);
    const delayMs = Math.min(this.#reofferDelayMs * 2 ** (rejections - 1), longestMs);
    this.#forgetTimer(taskId);
    this.#timers.set(
      taskId,
      setTimeout(() => this.#reoffer(taskId), delayMs),
    );
  }

  #reofferWhereThereIsRoom(): void {
    for (const taskId of this.#timers.keys()) {
      if (this.#book.get(taskId)?.message !== AT_CAPACITY) continue;
      this.#reoffer(taskId);
      return;
    }
  }

  #reoffer(taskId: string): void {
    this.#forgetTimer(taskId);
    const task = this.#book.get(taskId);
    if (task?.state !== "rejected") return;
    this.#book.update(task, { state: "queued" });
    this.#queue.push(taskId);
    this.#offer();
  }

  #forgetTimer(taskId: string): void {
    clearTimeout(this.#timers.get(taskId));
    this.#timers.delete(taskId);
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
