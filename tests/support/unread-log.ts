/** Standard errors that stay open and that nobody reads: what a stalled log driver, a pager or Ctrl-S leaves. */
import { ptr } from "bun:ffi";
import { chmodSync, closeSync, constants, openSync, writeSync } from "node:fs";
import { openCLibrary } from "../../src/runtime/c-library.ts";
import { TempDir } from "./temp-dir.ts";

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const CTRL_S = "\x13";
const LONGEST_NAME = 128;

export class UnreadLog implements AsyncDisposable {
  /** For the child to write to, and to block in: nobody has told it not to. */
  readonly descriptor: number;
  readonly #others: readonly number[];
  readonly #dir: TempDir | null;

  private constructor(descriptor: number, others: readonly number[], dir: TempDir | null = null) {
    this.descriptor = descriptor;
    this.#others = others;
    this.#dir = dir;
  }

  /** By its name anybody of that mode's may open it again. */
  static async pipe(mode = 0o600): Promise<UnreadLog> {
    const dir = await TempDir.create("unread");
    const path = dir.join("log");
    const made = Bun.spawnSync(["mkfifo", path]);
    if (made.exitCode !== 0) throw new Error(`Cannot make a pipe: ${made.stderr}`);
    // For both, so that it has a reader, and opening it waits for none.
    const descriptor = openSync(path, constants.O_RDWR);
    chmodSync(path, mode);
    return new UnreadLog(descriptor, [], dir);
  }

  /** As systemd connects a service to its journal. */
  static async socket(): Promise<UnreadLog> {
    const library = openCLibrary({ socketpair: { args: ["i32", "i32", "i32", "ptr"], returns: "i32" } });
    const ends = new Int32Array(2);
    if (library?.socketpair(AF_UNIX, SOCK_STREAM, 0, ptr(ends)) !== 0)
      throw new Error("Cannot make a pair of sockets");
    const [near = -1, far = -1] = ends;
    return new UnreadLog(near, [far]);
  }

  /** With its output stopped. */
  static async terminal(mode = 0o620): Promise<UnreadLog> {
    const library = openCLibrary({
      grantpt: { args: ["i32"], returns: "i32" },
      unlockpt: { args: ["i32"], returns: "i32" },
      ptsname_r: { args: ["i32", "ptr", "usize"], returns: "i32" },
    });
    const master = openSync("/dev/ptmx", constants.O_RDWR | constants.O_NOCTTY);
    const name = Buffer.alloc(LONGEST_NAME);
    const failed =
      library === null ||
      [
        library.grantpt(master),
        library.unlockpt(master),
        library.ptsname_r(master, ptr(name), name.length),
      ].some((status) => status !== 0);
    if (failed) throw new Error("Cannot make a terminal");
    const path = name.toString("utf8", 0, name.indexOf(0));
    const terminal = openSync(path, constants.O_RDWR | constants.O_NOCTTY);
    chmodSync(path, mode);
    writeSync(master, CTRL_S);
    return new UnreadLog(terminal, [master]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const descriptor of [this.descriptor, ...this.#others]) closeSync(descriptor);
    await this.#dir?.[Symbol.asyncDispose]();
  }
}
