/** The runtimes that the sources run under, and a probe under each. */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import type { Probe } from "./runtime-probe.ts";
import { within } from "./wait.ts";

const ROOT = resolve(import.meta.dir, "../..");
const DENO_FLAGS = ["run", "--allow-all", "--no-remote", "--quiet", `--config=${ROOT}/deno.json`];

function findDeno(): string | null {
  const [found] = [...new Bun.Glob("node_modules/@deno/*/deno").scanSync({ cwd: ROOT })];
  return found === undefined ? null : resolve(ROOT, found);
}

const deno = findDeno();

export const RUNTIMES: readonly { readonly name: string; readonly argv: readonly string[] }[] = [
  { name: "Bun", argv: [process.execPath] },
  // There is none for musl.
  ...(deno !== null && existsSync(deno) ? [{ name: "Deno", argv: [deno, ...DENO_FLAGS] }] : []),
];

export class ProbeProcess implements AsyncDisposable {
  readonly #child: Bun.Subprocess<"pipe", "pipe", "inherit">;
  readonly #lines: AsyncIterator<string>;

  constructor(
    runtime: readonly string[],
    probe: Probe,
    given: object,
    env: Readonly<Record<string, string>> = {},
  ) {
    const program = resolve(import.meta.dir, "runtime-probe.ts");
    this.#child = Bun.spawn([...runtime, program, probe, JSON.stringify(given)], {
      stdio: ["pipe", "pipe", "inherit"],
      env: { DENO_DIR: `${ROOT}/node_modules/.cache/deno`, DENO_DISABLE_NODE_SHIM: "1", ...env },
    });
    this.#lines = linesOf(this.#child.stdout);
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** What it says next. */
  async next(): Promise<Record<string, unknown>> {
    const { value } = await within(this.#lines.next(), "the probe's answer");
    return JSON.parse(value);
  }

  /** For one that waits for it. */
  end(): void {
    this.#child.stdin.end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.exited;
  }
}

/** Its one answer. */
export async function ask(
  runtime: readonly string[],
  probe: Probe,
  given: object,
  env: Readonly<Record<string, string>> = {},
): Promise<Record<string, unknown>> {
  await using process = new ProbeProcess(runtime, probe, given, env);
  return await process.next();
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const bytes of stream) {
    text += decoder.decode(bytes, { stream: true });
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n")) {
      yield text.slice(0, end);
      text = text.slice(end + 1);
    }
  }
}
