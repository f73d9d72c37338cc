/** What the live tests need running: engines, registries, clusters. */

export interface RunningService extends AsyncDisposable {
  /** What the tests have to know of it, as variables of their environment. */
  readonly env: Readonly<Record<string, string>>;
}

export interface Service {
  readonly name: string;
  start(): Promise<RunningService>;
}

/** It cannot run here; the message says why and what would help. Any other error is a defect. */
export class Unavailable extends Error {
  override readonly name = "Unavailable";
}

/** Whether packages may be fetched and engines started without asking: in CI, or where somebody said so. */
export function mayProvide(env: Readonly<Record<string, string | undefined>> = process.env): boolean {
  return env["CI"] === "true" || env["OZ_TEST_INSTALL"] === "1";
}

/** Throws Unavailable where an engine of our own cannot, or should not, be started. */
export function requireConsent(what: string): void {
  if (process.platform !== "linux") throw new Unavailable(`${what} runs on Linux only`);
  if (process.getuid?.() !== 0) throw new Unavailable(`${what} needs root`);
  if (mayProvide()) return;
  throw new Unavailable(`${what} is started only where CI=true or OZ_TEST_INSTALL=1 allows it`);
}

/** Until `probe` is true; false when the time is over. Started programs tell nobody when they listen. */
export async function becomes(
  probe: () => boolean | Promise<boolean>,
  timeoutMs: number,
  intervalMs = 20,
): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    if (await probe()) return true;
    if (performance.now() >= deadline) return false;
    await Bun.sleep(intervalMs);
  }
}

/** What a command says on standard output; its words when it fails. */
export async function outputOf(
  argv: readonly string[],
  options: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<string> {
  const child = Bun.spawn([...argv], {
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    env: { ...process.env, ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [out, said, status] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  if (status === 0) return out;
  const words = said.trim().split("\n").slice(-5).join("\n");
  throw new Error(`${argv.join(" ")} ended with status ${status}: ${words}`);
}
