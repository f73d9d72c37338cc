/** The process edge: arguments in, exit status out, and what the signals mean. */
import { StopRequest } from "./async/stop-request.ts";
import { SHIM_COMMAND } from "./cli/shim-command.ts";

async function main(argv: readonly string[]): Promise<number> {
  // Each loads only its own part of the program: a shim is small, and a start quick.
  if (argv[0] === SHIM_COMMAND) {
    const { runShimCommand } = await import("./cli/shim.ts");
    await runShimCommand();
    return 0;
  }
  noticeChildren();
  const { runCommandLine } = await import("./cli/command-line.ts");
  return runCommandLine(argv, { host: host(), heedSignals, heedDrain, shimArgument: SHIM_COMMAND });
}

/**
 * Whoever started this may ignore SIGCHLD, and that is inherited: the kernel then keeps nobody's exit status, and each
 * credential helper, ssh and `dev` worker failed with ECHILD. A listener that goes again leaves the default. What this
 * process starts has that in any case, the shim among it.
 */
function noticeChildren(): void {
  if (process.platform === "win32") return;
  const listener = () => {};
  process.on("SIGCHLD", listener);
  process.off("SIGCHLD", listener);
}

/** Before it is acted upon nobody has a reason to ask again: what comes meanwhile was sent with the first. */
const ONE_MOMENT_MS = 2;

/**
 * The first signal asks for a gentle stop; one that nothing gentle is left for ends the process at once, which the
 * journal makes safe. Those of one moment are one: timeout(1) signals the process and then its group, and a worker below
 * it had no gentle stop in one of ten cases.
 */
function heedSignals(inHaste = 0): StopRequest {
  const stop = new StopRequest();
  let isAsked = false;
  const obey = () => {
    isAsked = false;
    if (!stop.ask()) process.exit(inHaste);
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      if (!isAsked) setTimeout(obey, ONE_MOMENT_MS);
      isAsked = true;
    });
  }
  return stop;
}

/** By SIGQUIT a worker is asked to leave once its tasks have ended, as nginx and GitLab's runner are. */
function heedDrain(stop: StopRequest): void {
  if (process.platform !== "win32") process.on("SIGQUIT", () => stop.askUnhurried());
}

function host() {
  return {
    env: process.env,
    uid: process.getuid?.() ?? null,
    home: process.env["HOME"] ?? null,
    cwd: workingFolder(),
  };
}

/** Somebody may have removed the folder in which the worker is started; absolute paths work all the same. */
function workingFolder(): string {
  try {
    return process.cwd();
  } catch {
    return "/";
  }
}

process.exit(await main(process.argv.slice(2)));
