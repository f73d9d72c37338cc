/** The real engines that tests/live need: built before the tests, and gone after them. */
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const FOLDER = "scripts/services";
const STOP_TIMEOUT_MS = 120_000;

/**
 * Where CI is true: builds each engine, in turn, unless it is in the cache. That takes minutes and is
 * none of the tests' time. One that cannot be built is said; the tests that need it fail by themselves.
 */
export async function buildServices(root: string, write: (text: string) => void): Promise<void> {
  if (process.env["CI"] !== "true") return;
  for (const command of findBuilders(root)) {
    const child = Bun.spawn(command, { cwd: root, stdio: ["ignore", "ignore", "inherit"] });
    const status = await child.exited;
    if (status !== 0) write(`skip  ${command.join(" ")} ended with status ${status}\n`);
  }
}

/** `build-NAME` alone, and `NAME build` of programs that can do more. */
function findBuilders(root: string): string[][] {
  const names = [...new Bun.Glob("build-*").scanSync({ cwd: join(root, FOLDER) })].sort();
  const builders = names.map((name) => [join(root, FOLDER, name)]);
  const cluster = join(root, FOLDER, "cluster");
  return existsSync(cluster) ? [...builders, [cluster, "build"]] : builders;
}

/**
 * The folder of whatever runs for the tests of one run. An engine that is started for more than one file
 * of tests leaves `NAME/stop` in it, a program that takes it down.
 */
export class ServiceFolder implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async create(): Promise<ServiceFolder> {
    return new ServiceFolder(await mkdtemp(join(tmpdir(), "oz-live-")));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const stops = [...new Bun.Glob("*/stop").scanSync({ cwd: this.path })];
    let down = true;
    for (const stop of stops) {
      const child = Bun.spawn([join(this.path, stop)], {
        stdio: ["ignore", "ignore", "inherit"],
        timeout: STOP_TIMEOUT_MS,
      });
      down = (await child.exited) === 0 && down;
    }
    // What still runs may have the host's folders mounted in there.
    if (down) await rm(this.path, { recursive: true, force: true });
  }
}
