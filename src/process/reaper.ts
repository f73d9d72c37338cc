/**
 * For a worker that is the first process of its container, without an init before it. The system gives it every
 * process whose parent has ended, and when such a one ends it stays in the table, and counts against the
 * container's limit of processes, until its status has been asked for.
 */
import { openReap, type Reap } from "../runtime/reap.ts";
import { listProcesses, type ProcessEntry } from "./process-table.ts";

const FIRST_PROCESS = 1;
/** The runtime asks for the status of what it has started itself, within milliseconds, and must find it. */
const LEFT_ALONE_MS = 5_000;
/**
 * Without descriptors of processes (Linux before 5.3, or a container engine whose rules for system calls are older) the
 * runtime hears of its children in another way, and keeps their signal to itself.
 */
const LOOK_UNTOLD_EVERY_MS = 60_000;

export interface ReaperOptions {
  readonly list: () => readonly ProcessEntry[];
  /** Asked when there is something to reap for the first time. */
  readonly open: () => Reap | null;
}

/** Null: somebody else does it. */
export function reaperForFirstProcess(): Reaper | null {
  return process.platform === "linux" && process.pid === FIRST_PROCESS ? new Reaper() : null;
}

export class Reaper implements Disposable {
  private readonly options: ReaperOptions;
  /** Children that had ended at the last look: start by pid. */
  private ended: ReadonlyMap<number, string> = new Map();
  private reap: Reap | null | undefined;
  private timer: ReturnType<typeof setTimeout> | null = null;
  /** Until the signal comes for the first time. */
  private readonly untold: ReturnType<typeof setInterval>;

  constructor(options: ReaperOptions = { list: listProcesses, open: openReap }) {
    this.options = options;
    this.untold = setInterval(() => this.lookSoon(), LOOK_UNTOLD_EVERY_MS);
    this.untold.unref();
    process.on("SIGCHLD", this.childChanged);
  }

  [Symbol.dispose](): void {
    process.off("SIGCHLD", this.childChanged);
    clearInterval(this.untold);
    if (this.timer !== null) clearTimeout(this.timer);
  }

  private readonly childChanged = (): void => {
    clearInterval(this.untold);
    this.lookSoon();
  };

  private lookSoon(): void {
    this.timer ??= setTimeout(() => this.look(), LEFT_ALONE_MS);
    this.timer.unref();
  }

  /** Only what had ended at the look before too. */
  private look(): void {
    this.timer = null;
    const children = this.options
      .list()
      .filter(({ zombie, parentPid }) => zombie && parentPid === process.pid);
    const isOld = ({ pid, startedAt }: ProcessEntry) => this.ended.get(pid) === startedAt;
    for (const child of children.filter(isOld)) this.take(child.pid);
    const fresh = children.filter((child) => !isOld(child));
    this.ended = new Map(fresh.map(({ pid, startedAt }) => [pid, startedAt]));
    if (fresh.length > 0) this.lookSoon();
  }

  private take(pid: number): void {
    if (this.reap === undefined) this.reap = this.options.open();
    this.reap?.(pid);
  }
}
