/** The workers of a campaign: one for each seat at most, of one id and one state folder, each started by a number. */
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { SHIM_COMMAND } from "../../../src/cli/shim-command.ts";
import { shimsOf } from "../shims.ts";
import { WorkerProcess } from "../worker-process.ts";
import type { Happening, WorkerNumber, WorkerReport } from "./history.ts";
import type { Note } from "./recording-plane.ts";

export interface FleetOptions {
  readonly note: Note;
  readonly urlFor: (worker: WorkerNumber) => string;
  readonly config: string;
  readonly stateDir: string;
  /** Of all workers, so that a successor finds what is there, and whoever looks finds what is left. */
  readonly temporary: string;
  /** Their logs: files, for of what is written to a pipe or a socket the last lines before a kill may be lost. */
  readonly logs: string;
  readonly flags: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Lines of a log that no fault of a campaign excuses; those of the Direct backend's campaigns unless told. */
  readonly complaints?: RegExp;
}

type Signal = Extract<Happening, { kind: "signalled" }>["signal"];

interface Member {
  readonly number: WorkerNumber;
  readonly process: WorkerProcess;
  readonly log: () => string;
  readonly gone: Promise<void>;
  /** SIGKILL, SIGTERM or SIGQUIT was sent to it. */
  isEnding: boolean;
  isPaused: boolean;
  /** Those that it had when it was killed. */
  shims: readonly number[];
}

export class Fleet implements AsyncDisposable {
  readonly #options: FleetOptions;
  readonly #seats = new Map<number, Member>();
  readonly #all: Member[] = [];
  readonly #stoppedShims: number[] = [];
  /** Seats. */
  readonly #starting = new Set<number>();
  #count = 0;

  constructor(options: FleetOptions) {
    this.#options = options;
  }

  /** Null: the seat is taken. One that was told to end holds nobody up: a successor beside it is an upgrade as some do it. */
  async start(seat: number): Promise<Member | null> {
    if (this.#at(seat)?.isEnding === false || this.#starting.has(seat)) return null;
    this.#starting.add(seat);
    try {
      return await this.#start(seat, ++this.#count);
    } finally {
      this.#starting.delete(seat);
    }
  }

  signal(seat: number, signal: Signal): void {
    const member = this.#at(seat);
    if (member !== null) this.#signal(member, signal);
  }

  /** By its number. */
  kill(worker: WorkerNumber, signal: "SIGKILL" | "SIGTERM" = "SIGKILL"): void {
    const member = this.#running().find(({ number }) => number === worker);
    if (member !== undefined) this.#signal(member, signal);
  }

  /** Of the worker that has the seat, or of one that was killed there: its shim goes on for as long as its agents. */
  signalShim(seat: number, signal: "SIGKILL" | "SIGSTOP"): void {
    const member = this.#seats.get(seat);
    if (member === undefined) return;
    for (const shim of member.process.running ? shimsOf(member.process.pid) : member.shims.filter(isShim)) {
      this.#options.note({
        kind: signal === "SIGKILL" ? "shim-killed" : "shim-stopped",
        worker: member.number,
      });
      if (signal === "SIGSTOP") this.#stoppedShims.push(shim);
      signalIfThere(shim, signal);
    }
  }

  /** All that were paused go on. */
  wake(): void {
    for (const member of this.#running()) if (member.isPaused) this.#signal(member, "SIGCONT");
  }

  async end(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    const running = this.#running();
    for (const member of running) this.#signal(member, signal);
    await Promise.all(running.map(({ gone }) => gone));
  }

  /** Once all have exited. */
  reports(): WorkerReport[] {
    const { complaints = COMPLAINTS } = this.#options;
    return this.#all.map(({ number, log }) => reportOf(number, log(), complaints));
  }

  logs(): string {
    return this.#all.map(({ number, log }) => `--- worker ${number}\n${log()}`).join("\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { process } of this.#running()) process.kill("SIGKILL");
    for (const shim of this.#stoppedShims.filter(isShim)) signalIfThere(shim, "SIGCONT");
    for (const { process } of this.#all) await process[Symbol.asyncDispose]();
  }

  async #start(seat: number, number: WorkerNumber): Promise<Member> {
    const { note, urlFor, config, stateDir, temporary, logs, flags, env } = this.#options;
    note({ kind: "started", worker: number });
    const file = join(logs, String(number));
    const logDescriptor = openSync(file, "a");
    const options = { logDescriptor, config, stateDir, env: { TMPDIR: temporary, ...env } };
    const argv = ["--web-socket-url", urlFor(number), ...flags];
    const process = await WorkerProcess.start({ ...options, flags: argv }).finally(() =>
      closeSync(logDescriptor),
    );
    const gone = process.exited.then((status) => note({ kind: "exited", worker: number, status }));
    const log = () => readFileSync(file, "utf8");
    const member = { number, process, log, gone, isEnding: false, isPaused: false, shims: [] };
    this.#all.push(member);
    this.#seats.set(seat, member);
    return member;
  }

  #running(): Member[] {
    return this.#all.filter(({ process }) => process.running);
  }

  #at(seat: number): Member | null {
    const member = this.#seats.get(seat);
    return member?.process.running === true ? member : null;
  }

  #signal(member: Member, signal: Signal): void {
    // Takes its time, which is not to lie between what is noted and what happens.
    if (signal === "SIGKILL") member.shims = shimsOf(member.process.pid);
    this.#options.note({ kind: "signalled", worker: member.number, signal });
    member.process.kill(signal);
    if (signal === "SIGSTOP" || signal === "SIGCONT") member.isPaused = signal === "SIGSTOP";
    else member.isEnding = true;
  }
}

const NEVER_ON_DISK = /state folder cannot be used: going on in memory/;
const LEAVES_DISK = "journal cannot be written: going on in memory";
const RETURNS_TO_DISK = "journal is on disk again";
const COMPLAINTS =
  /unexpected error|journal damaged|cannot remove|cannot take over|was removed or replaced|cannot look for|uncaught|panic|segmentation/i;

/** What cannot be done then is done at the next start, as docs/operations.md says of these lines. */
const DISK_IS_FULL = /disk is full|ENOSPC/;

function reportOf(worker: WorkerNumber, log: string, complaints: RegExp): WorkerReport {
  const isInMemory = log.lastIndexOf(LEAVES_DISK) > log.lastIndexOf(RETURNS_TO_DISK);
  return {
    worker,
    journal: NEVER_ON_DISK.test(log) ? "never" : isInMemory ? "memory" : "disk",
    wasInMemory: log.includes(LEAVES_DISK),
    complaints: log.split("\n").filter((line) => complaints.test(line) && !DISK_IS_FULL.test(line)),
  };
}

/** Still: its number may be somebody else's by now. */
function isShim(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").includes(SHIM_COMMAND);
  } catch {
    return false;
  }
}

function signalIfThere(pid: number, signal: "SIGKILL" | "SIGSTOP" | "SIGCONT"): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has just ended by itself.
  }
}
