/** Makes the `dev` command of its command line: what the worker in it is started with. */
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ConfigError } from "../config/config-error.ts";
import { withKey } from "../config/resolve.ts";
import { handsOver } from "../config/resolve-backend.ts";
import type { Host } from "../config/state-dir.ts";
import { wordsOf } from "../logging/words-of.ts";
import { ownCommand } from "../runtime/self.ts";
import { runDev } from "./dev.ts";
import { loadFile, settingsFrom } from "./load-settings.ts";
import type { CommandLine } from "./parse.ts";

/** Only to have the settings checked before anything is started; the worker gets the real ones. */
const PLACEHOLDERS = { workerId: "worker", webSocketUrl: "ws://127.0.0.1/" };

/**
 * By its worker id a worker finds what dead ones left in an engine or a cluster. Under the id of the configuration it
 * once took over a real worker's container, stopped it at its own end, and nobody else ever told of that task.
 */
const OWN_ID_ENDING = "@dev";

interface DevEdge {
  readonly stop: AbortSignal;
  /** Fires when it is asked to stop once more. */
  readonly haste: AbortSignal;
  readonly write: (text: string) => void;
  readonly writeError: (text: string) => void;
}

/** Throws a ConfigError for settings with which the worker would not start. */
export async function runDevCommand(
  { dev, flags, workerArgs }: Extract<CommandLine, { command: "dev" }>,
  host: Host,
  { stop, haste, write, writeError }: DevEdge,
): Promise<number> {
  const file = await loadFile(flags, stop);
  // The worker gets a key of its own: that of the configuration may be on another host.
  const checked = await settingsFrom(withKey(flags, "dev"), file, host, PLACEHOLDERS);
  const { workerId, backend, drainTimeoutMs, shutdownTimeoutMs } = checked;
  // A folder of its own: what a real worker of this id left unreported is not for this control plane.
  const stateDir = makeFolder();
  try {
    const folder = [`--state-dir=${stateDir}`, `--scratch-dir=${stateDir}`];
    const own = [`--worker-id=${workerId}${OWN_ID_ENDING}`, ...folder];
    return await runDev(
      {
        ...dev,
        workerCommand: [
          ...[...ownCommand(), "run", ...own, ...workerArgs],
          ...readableAgain(flags.configFile, file.text, stateDir),
        ],
        keyFile: join(stateDir, "key"),
        workerEnv: host.env,
        handsOver: handsOver(backend),
        haste,
        stopTimeoutMs: drainTimeoutMs + shutdownTimeoutMs,
        write,
        writeError,
        isTerminal: process.stdout.isTTY === true && obeysEscapes(host.env["TERM"]),
        terminalSize: () => ({ columns: process.stdout.columns, rows: process.stdout.rows }),
      },
      stop,
    );
  } finally {
    // In haste it is still the worker's, which removes it.
    if (!haste.aborted) rmSync(stateDir, { recursive: true, force: true });
  }
}

/** Emacs' shell and a terminal that names no kind would show each of the table's sequences as letters. */
function obeysEscapes(kind: string | undefined): boolean {
  return kind !== undefined && kind !== "" && kind !== "dumb";
}

function makeFolder(): string {
  try {
    return mkdtempSync(join(tmpdir(), "oz-agent-worker-dev-"));
  } catch (error) {
    throw new ConfigError([
      `Cannot make a folder in ${tmpdir()}: ${wordsOf(error)}; set TMPDIR to one that this user can write`,
    ]);
  }
}

/** What a pipe held has been read, and `/dev/stdin` is another file for the worker: it gets a copy of such a file. */
function readableAgain(path: string | null, text: string, folder: string): readonly string[] {
  if (path === null || (statSync(path).isFile() && !/^\/(?:dev|proc)\//.test(path))) return [];
  const copy = join(folder, "config.yaml");
  writeFileSync(copy, text, { mode: 0o600 });
  return [`--config-file=${copy}`];
}
